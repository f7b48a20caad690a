package io.pg2es.connect.refresh;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.RejectedDocumentException;
import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.Document;
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
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.connect.errors.DataException;

/**
 * Brings documents up to date, slice by slice: version, documents, flush, COMMIT, bulk request.
 *
 * <p>The version is taken before the read, so of two writers the one with the higher version has read later; nothing is
 * sent before the COMMIT; and what is not acknowledged is read again, never sent again.
 *
 * <p>A slice that does not fit, takes too long or holds a root whose document PostgreSQL cannot read is halved; a root that
 * fails alone is rejected, and holds up no other.
 */
public final class Refresh {
    /** A slice is read before it is sent, so its size is bounded in bytes as well as in roots. */
    private static final int BULKS_IN_MEMORY = 4;

    /** Failures of Elasticsearch over one document; the pauses between them make some minutes. */
    private static final int MOST_FAILURES = 20;

    /** The kind of error of a document that PostgreSQL cannot make; those of Elasticsearch have its own names. */
    private static final String UNREADABLE_ROW = "unreadable_row";

    /** A slice that took longer to read is too large. */
    private static final Duration SLOW = Duration.ofSeconds(10);

    private final SinkConfig config;
    private final PrimaryLink link;
    private final BulkWriter writer;
    private final SinkMetrics metrics;
    private final long readMaxBytes;
    private int sliceRoots;

    public Refresh(SinkConfig config, PrimaryLink link, BulkWriter writer, SinkMetrics metrics) {
        this.config = config;
        this.link = link;
        this.writer = writer;
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
        long start = System.nanoTime();
        ReadResult result = read(slice);
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        if (result instanceof Reading reading) {
            settle(batch, slice, reading, writer.write(reading));
            resizeSlices(slice.size(), reading, took);
        } else if (slice.size() == 1 && result instanceof ReadResult.Unreadable unreadable) {
            batch.reject(slice.get(0), reasonOf(slice.get(0), unreadable.problem()));
        } else {
            halveSlices(slice.size());
        }
    }

    private ReadResult read(List<RootKey> slice) throws TransientFailure {
        long start = System.nanoTime();
        ReadResult result = link.session().read(slice, link.generation().epoch(), readMaxBytes);
        metrics.add(Metric.ROOTS_READ, slice.size());
        metrics.addTimeSince(start, Metric.READ_TOTAL, Metric.READ_MAX);
        return result;
    }

    private void resizeSlices(int size, Reading reading, Duration took) {
        long bytes = reading.documents().stream().mapToLong(Document::bulkBytes).sum();
        if (took.compareTo(SLOW) > 0 || !reading.left().isEmpty()) {
            halveSlices(size);
        } else if (sliceRoots < config.batchRoots()
                && 2 * bytes < readMaxBytes
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

    /** Rejects roots over whose document Elasticsearch has failed so often that it always does. */
    private void giveUp(Batch batch, List<RootKey> roots, RejectedDocumentException reason) {
        for (RootKey root : roots) {
            if (batch.countFailure(root) >= MOST_FAILURES) {
                metrics.increment(Metric.REJECTED);
                batch.reject(root, reason);
            }
        }
    }

    void settle(Batch batch, List<RootKey> slice, Reading reading, BulkWriter.Result result) throws TransientFailure {
        result.deleted()
                .forEach(id -> batch.deleted().add(reading.roots().get(id).get(0)));
        result.rejected().forEach((id, reason) -> reading.roots().get(id).forEach(root -> batch.reject(root, reason)));
        result.failing().forEach((id, reason) -> giveUp(batch, reading.roots().get(id), reason));
        Set<RootKey> open = Stream.concat(result.again().stream(), reading.left().stream())
                .flatMap(id -> reading.roots().get(id).stream())
                .collect(Collectors.toSet());
        slice.stream().filter(root -> !open.contains(root)).forEach(batch.pending()::remove);
        if (!result.again().isEmpty()) {
            throw new TransientFailure(String.format(
                    "Pipeline %s: Elasticsearch did not take %d of %d documents for index %s now: %s.",
                    config.pipeline(), result.again().size(), slice.size(), config.index(), result.reason()));
        }
    }
}
