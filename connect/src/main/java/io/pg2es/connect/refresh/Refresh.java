package io.pg2es.connect.refresh;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.RejectedDocumentException;
import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.ReadResult;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.elasticsearch.BulkWriter;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.retry.TimeIsUp;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Duration;
import java.util.List;
import org.apache.kafka.connect.errors.DataException;

/**
 * Brings documents up to date, slice by slice: version, documents, flush, COMMIT, bulk request.
 *
 * <pre>
 *   read 1 ── read 2 ── read 3 ── …
 *        └ bulk 1 ───────┴ landed
 *                  └ bulk 2 ───────┴ landed
 * </pre>
 *
 * <p>The version is taken before the read, so of two writers the one with the higher version has read later; nothing is
 * sent before the COMMIT; and what is not acknowledged is read again, never sent again.
 *
 * <p>A slice that does not fit, takes too long or holds a root whose document PostgreSQL cannot read is halved; a root that
 * fails alone is rejected, and holds up no other.
 */
public final class Refresh {
    /** The kind of error of a document that PostgreSQL cannot make; those of Elasticsearch have its own names. */
    private static final String UNREADABLE_ROW = "unreadable_row";

    /** A slice that took longer to read is too large. */
    private static final Duration SLOW = Duration.ofSeconds(10);

    private final SinkConfig config;
    private final PrimaryLink link;
    private final BulkWriter writer;
    private final SinkMetrics metrics;
    private int sliceRoots;

    public Refresh(SinkConfig config, PrimaryLink link, BulkWriter writer, SinkMetrics metrics) {
        this.config = config;
        this.link = link;
        this.writer = writer;
        this.metrics = metrics;
        this.sliceRoots = config.batchRoots();
    }

    /** Refreshes the batch's pending roots; those that are done are pending no more, also when this throws. */
    public void run(Batch batch, TimeLimit limit) throws TransientFailure {
        while (!batch.pending().isEmpty()) {
            if (limit.isOver()) {
                throw new TimeIsUp(String.format(
                        "Pipeline %s: %d roots of the batch are left for the next round.",
                        config.pipeline(), batch.pending().size()));
            }
            runSlices(batch, limit);
        }
    }

    /** Refreshes one slice of the pending roots, or finds out that it must be smaller. */
    public void runSlice(Batch batch, int mostRoots) throws TransientFailure {
        try (Flights flights = new Flights(config, batch, metrics)) {
            send(flights.waiting(Math.min(sliceRoots, mostRoots)), batch, flights);
        }
    }

    /** Refreshes the pending roots once, as far as the time suffices; the next slice is read while earlier ones fly. */
    private void runSlices(Batch batch, TimeLimit limit) throws TransientFailure {
        try (Flights flights = new Flights(config, batch, metrics)) {
            List<RootKey> slice = flights.waiting(sliceRoots);
            while (!slice.isEmpty() && !limit.isOver()) {
                send(slice, batch, flights);
                slice = flights.waiting(sliceRoots);
            }
        }
    }

    private void send(List<RootKey> slice, Batch batch, Flights flights) throws TransientFailure {
        long start = System.nanoTime();
        ReadResult result = read(slice);
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        if (result instanceof Reading reading) {
            flights.makeRoom();
            flights.add(slice, reading, writer.send(reading));
            resizeSlices(slice.size(), reading, took);
        } else if (slice.size() == 1 && result instanceof ReadResult.Unreadable unreadable) {
            batch.reject(slice.get(0), reasonOf(slice.get(0), unreadable.problem()));
        } else {
            halveSlices(slice.size());
        }
    }

    private ReadResult read(List<RootKey> slice) throws TransientFailure {
        long start = System.nanoTime();
        ReadResult result = link.session().read(slice, link.generation().epoch(), config.bulkMaxBytes());
        metrics.add(Metric.ROOTS_READ, slice.size());
        metrics.addTimeSince(start, Metric.READ_TOTAL, Metric.READ_MAX);
        return result;
    }

    private void resizeSlices(int size, Reading reading, Duration took) {
        if (took.compareTo(SLOW) > 0 || !reading.left().isEmpty()) {
            halveSlices(size);
        } else if (sliceRoots < config.batchRoots()
                && 2 * reading.bytes() < config.bulkMaxBytes()
                && took.multipliedBy(2).compareTo(SLOW) < 0) {
            sliceRoots = Math.min(config.batchRoots(), 2 * sliceRoots);
        }
    }

    private void halveSlices(int size) {
        sliceRoots = Math.max(1, size / 2);
    }

    /** Why a root cannot be read: what its record says is no key, or its document cannot be made. */
    private DataException reasonOf(RootKey root, String problem) throws TransientFailure {
        String document = root.columns().size() == 1
                ? root.columns().get(0)
                : root.columns().toString();
        return link.session()
                .findRootless(List.of(root))
                .problem()
                .<DataException>map(words -> new UnusableRecordException(
                        String.format("Pipeline %s: %s is no key: %s.", config.pipeline(), document, words)))
                .orElseGet(() -> RejectedDocumentException.of(
                        config.pipeline(), document, config.index(), UNREADABLE_ROW + ": " + problem));
    }
}
