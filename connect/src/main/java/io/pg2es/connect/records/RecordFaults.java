package io.pg2es.connect.records;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.deadletters.FaultyRecord;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.postgres.LookupFailedException;
import io.pg2es.connect.postgres.PostgresSession;
import io.pg2es.connect.retry.TransientFailure;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Which records of a batch are faulty, and why: by themselves, or because a document they led to was rejected.
 *
 * <p>A lookup maps many tuples to roots at once and does not say which led to which. It is asked again, by halves, only when
 * a document was rejected.
 */
public final class RecordFaults {
    private final Batch batch;
    private final PostgresSession session;
    private final Map<RootKey, Set<SinkRecord>> records = new HashMap<>();

    private RecordFaults(Batch batch, PostgresSession session) {
        this.batch = batch;
        this.session = session;
    }

    /**
     * Finds the faulty records of a batch whose work is done.
     *
     * @param session where lookups are asked; may be null for a batch without rejected documents
     * @return the faulty records, in the order of the batch
     */
    public static List<FaultyRecord> of(Batch batch, PostgresSession session) throws TransientFailure {
        Map<SinkRecord, List<DataException>> reasons = new RecordFaults(batch, session).reasons();
        return batch.records().stream()
                .filter(reasons::containsKey)
                .map(record -> new FaultyRecord(record, reasons.get(record)))
                .toList();
    }

    private Map<SinkRecord, List<DataException>> reasons() throws TransientFailure {
        IdentityHashMap<SinkRecord, List<DataException>> reasons = new IdentityHashMap<>();
        for (SinkRecord record : batch.records()) {
            List<DataException> own = batch.faultsOf(record);
            if (!own.isEmpty()) {
                reasons.put(record, new ArrayList<>(own));
            }
        }
        for (RootKey root : batch.rejected().keySet()) {
            records.put(root, new LinkedHashSet<>(batch.direct().getOrDefault(root, List.of())));
        }
        if (!records.isEmpty()) {
            for (Route route : batch.lookups().keySet()) {
                findRecords(route, List.copyOf(batch.lookups().get(route).keySet()));
            }
        }
        for (Map.Entry<RootKey, DataException> rejection : batch.rejected().entrySet()) {
            Set<SinkRecord> found = records.get(rejection.getKey());
            for (SinkRecord record : found.isEmpty() ? anyLookedUp() : found) {
                reasons.computeIfAbsent(record, key -> new ArrayList<>()).add(rejection.getValue());
            }
        }
        return reasons;
    }

    /** Finds by halves which of the tuples lead to rejected documents. */
    private void findRecords(Route route, List<List<String>> tuples) throws TransientFailure {
        Set<RootKey> hit = rejectedOf(route, tuples);
        if (tuples.size() > 1 && !hit.isEmpty()) {
            int half = tuples.size() / 2;
            findRecords(route, tuples.subList(0, half));
            findRecords(route, tuples.subList(half, tuples.size()));
        } else {
            for (RootKey root : hit) {
                records.get(root).addAll(batch.lookups().get(route).get(tuples.get(0)));
            }
        }
    }

    /** Rejected roots among those that the tuples lead to. What leads to one no longer may lead nowhere now. */
    private Set<RootKey> rejectedOf(Route route, List<List<String>> tuples) throws TransientFailure {
        try {
            Set<RootKey> found = new LinkedHashSet<>(
                    session.lookUp(route, tuples, Integer.MAX_VALUE).orElseThrow());
            found.retainAll(records.keySet());
            return found;
        } catch (LookupFailedException e) {
            return tuples.size() > 1 ? records.keySet() : Set.of();
        }
    }

    /** The link from tuple to root is gone meanwhile: rather one dead-letter record too many than a rejection unreported. */
    private Collection<SinkRecord> anyLookedUp() {
        return batch.lookups().values().stream()
                .flatMap(tuples -> tuples.values().stream())
                .flatMap(List::stream)
                .distinct()
                .toList();
    }
}
