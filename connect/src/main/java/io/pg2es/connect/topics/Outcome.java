package io.pg2es.connect.topics;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.DeadLetters;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.RecordFaults;
import io.pg2es.connect.refresh.PrimaryLink;
import io.pg2es.connect.retry.TransientFailure;

/** What is left to do once every document of a batch is acknowledged: second refreshes are scheduled, faults reported. */
public final class Outcome {
    private final SinkConfig config;
    private final PrimaryLink link;
    private final RefreshWriter writer;
    private final DeadLetters deadLetters;

    public Outcome(SinkConfig config, PrimaryLink link, RefreshWriter writer, DeadLetters deadLetters) {
        this.config = config;
        this.link = link;
        this.writer = writer;
        this.deadLetters = deadLetters;
    }

    /** Nothing of the batch is open when this returns; called again after a failure, it goes on where it was. */
    public void settle(Batch batch) throws TransientFailure {
        if (batch.isTruncated()) {
            // What was read before the TRUNCATE may be written after the documents were listed: hence the second time.
            writer.writeAll(config.refreshTopic());
            writer.writeAll(config.refreshLaterTopic());
            batch.settleTruncate();
        }
        writer.writeRoots(config.refreshLaterTopic(), batch.deleted());
        batch.deleted().clear();
        deadLetters.report(RecordFaults.of(batch, link.session()));
    }
}
