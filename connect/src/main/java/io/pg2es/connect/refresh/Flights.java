package io.pg2es.connect.refresh;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.RejectedDocumentException;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.elasticsearch.BulkResult;
import io.pg2es.connect.elasticsearch.BulkWriter;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.retry.TransientFailure;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Slices of a batch whose documents are on their way to Elasticsearch.
 *
 * <p>A root is in one of them at most. They land in their order, on the task's thread, and when one has failed the others
 * still do: a root is pending until its own document is settled, and nothing is read again while an earlier reading of it
 * may still be on its way.
 */
final class Flights implements AutoCloseable {
    /** Documents on their way, in units of the largest request: they are in memory meanwhile. */
    private static final int MOST_BULKS = 3;

    /** Failures of Elasticsearch over one document; the pauses between them make some minutes. */
    private static final int MOST_FAILURES = 20;

    private final SinkConfig config;
    private final Batch batch;
    private final SinkMetrics metrics;
    private final Queue<Flown> flying = new ArrayDeque<>();
    private final Set<RootKey> roots = new HashSet<>();

    Flights(SinkConfig config, Batch batch, SinkMetrics metrics) {
        this.config = config;
        this.batch = batch;
        this.metrics = metrics;
    }

    private record Flown(List<RootKey> slice, Reading reading, BulkWriter.Flight flight) {}

    /** Roots that are pending and in no flight, so many at most. */
    List<RootKey> waiting(int most) {
        return batch.pending().stream()
                .filter(root -> !roots.contains(root))
                .limit(most)
                .toList();
    }

    /** The documents of a slice were sent. */
    void add(List<RootKey> slice, Reading reading, BulkWriter.Flight flight) {
        flying.add(new Flown(slice, reading, flight));
        roots.addAll(slice);
    }

    /** Waits until another slice may be sent. */
    void makeRoom() throws TransientFailure {
        while (flying.size() >= config.bulkFlights() || bytes() > (long) MOST_BULKS * config.bulkMaxBytes()) {
            landFirst();
        }
    }

    private long bytes() {
        return flying.stream().mapToLong(flown -> flown.reading().bytes()).sum();
    }

    /** Lands them all; the first failure is thrown when they have. */
    @Override
    public void close() throws TransientFailure {
        Exception first = null;
        while (!flying.isEmpty()) {
            try {
                landFirst();
            } catch (TransientFailure | RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (first instanceof TransientFailure failure) {
            throw failure;
        }
        if (first != null) {
            throw (RuntimeException) first;
        }
    }

    private void landFirst() throws TransientFailure {
        Flown flown = flying.remove();
        flown.slice().forEach(roots::remove);
        settle(flown.slice(), flown.reading(), flown.flight().land());
    }

    private void settle(List<RootKey> slice, Reading reading, BulkResult result) throws TransientFailure {
        result.deleted()
                .forEach(id -> batch.deleted().add(reading.roots().get(id).get(0)));
        result.rejected().forEach((id, reason) -> reading.roots().get(id).forEach(root -> batch.reject(root, reason)));
        result.failing().forEach((id, reason) -> giveUp(reading.roots().get(id), reason));
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

    /** Rejects roots over whose document Elasticsearch has failed so often that it always does. */
    private void giveUp(List<RootKey> failing, RejectedDocumentException reason) {
        for (RootKey root : failing) {
            if (batch.countFailure(root) >= MOST_FAILURES) {
                metrics.increment(Metric.REJECTED);
                batch.reject(root, reason);
            }
        }
    }
}
