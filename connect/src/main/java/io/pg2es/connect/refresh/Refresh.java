package io.pg2es.connect.refresh;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.documents.Document;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.elasticsearch.BulkWriter;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.retry.TimeIsUp;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Brings documents up to date, slice by slice: version, documents, flush, COMMIT, bulk request.
 *
 * <p>The version is taken before the read, so of two writers the one with the higher version has read later; nothing is
 * sent before the COMMIT; and what is not acknowledged is read again, never sent again.
 */
public final class Refresh {
    /** A slice is read whole before it is sent, so its size is bounded in bytes as well as in roots. */
    private static final int BULKS_IN_MEMORY = 4;

    private final SinkConfig config;
    private final PrimaryLink link;
    private final BulkWriter writer;
    private final DocumentOwners owners;
    private final SinkMetrics metrics;
    private final long readMaxBytes;
    private int sliceRoots;

    public Refresh(SinkConfig config, PrimaryLink link, BulkWriter writer, SinkMetrics metrics) {
        this.config = config;
        this.link = link;
        this.writer = writer;
        this.owners = new DocumentOwners(link);
        this.metrics = metrics;
        this.readMaxBytes = (long) BULKS_IN_MEMORY * config.bulkMaxBytes();
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
            runSlice(batch, config.batchRoots());
        }
    }

    /** Refreshes one slice of the pending roots, or finds out that it must be smaller. */
    public void runSlice(Batch batch, int mostRoots) throws TransientFailure {
        List<RootKey> slice =
                batch.pending().stream().limit(Math.min(sliceRoots, mostRoots)).toList();
        Optional<Reading> reading = read(slice);
        if (reading.isEmpty()) {
            sliceRoots = Math.max(1, slice.size() / 2);
            return;
        }
        settle(batch, slice, writer.write(reading.get()));
        growSlices(reading.get());
    }

    private Optional<Reading> read(List<RootKey> slice) throws TransientFailure {
        long start = System.nanoTime();
        Optional<Reading> reading = link.session().read(slice, link.generation().epoch(), readMaxBytes);
        metrics.add(Metric.ROOTS_READ, slice.size());
        metrics.addTimeSince(start, Metric.READ_TOTAL, Metric.READ_MAX);
        return reading;
    }

    private void growSlices(Reading reading) {
        long bytes = reading.documents().stream().mapToLong(Document::bulkBytes).sum();
        if (sliceRoots < config.batchRoots() && 2 * bytes < readMaxBytes) {
            sliceRoots = Math.min(config.batchRoots(), 2 * sliceRoots);
        }
    }

    private void settle(Batch batch, List<RootKey> slice, BulkWriter.Result result) throws TransientFailure {
        int columns = config.keyColumns().size();
        result.deleted()
                .forEach(id ->
                        batch.deleted().add(RootKey.ofDocument(id, columns).orElseThrow()));
        if (result.isAllAcknowledged()) {
            slice.forEach(batch.pending()::remove);
            return;
        }
        Set<String> open = Stream.concat(result.again().stream(), result.rejected().keySet().stream())
                .collect(Collectors.toSet());
        Map<String, RootKey> roots = owners.find(open, slice);
        Set<RootKey> again = result.again().stream().map(roots::get).collect(Collectors.toSet());
        slice.stream().filter(root -> !again.contains(root)).forEach(batch.pending()::remove);
        result.rejected().forEach((id, reason) -> batch.reject(roots.get(id), reason));
        if (!again.isEmpty()) {
            throw new TransientFailure(String.format(
                    "Pipeline %s: Elasticsearch did not take %d of %d documents for index %s now: %s.",
                    config.pipeline(), again.size(), slice.size(), config.index(), result.reason()));
        }
    }
}
