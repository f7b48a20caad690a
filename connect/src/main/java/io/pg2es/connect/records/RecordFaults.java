package io.pg2es.connect.records;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.deadletters.FaultyRecord;
import io.pg2es.connect.deadletters.RejectedDocumentException;
import io.pg2es.connect.documents.RootKey;
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
 * <p>A lookup maps many tuples to roots at once and does not say which led to which. It is asked again, tuple by tuple,
 * only when a document was rejected.
 */
public final class RecordFaults {
    private final Batch batch;
    private final PostgresSession session;
    private final Map<Route, Map<List<String>, Set<RootKey>>> lookedUp = new HashMap<>();

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
        for (Map.Entry<RootKey, RejectedDocumentException> rejection :
                batch.rejected().entrySet()) {
            for (SinkRecord record : recordsOf(rejection.getKey())) {
                reasons.computeIfAbsent(record, key -> new ArrayList<>()).add(rejection.getValue());
            }
        }
        return reasons;
    }

    private Collection<SinkRecord> recordsOf(RootKey root) throws TransientFailure {
        Set<SinkRecord> records = new LinkedHashSet<>(batch.direct().getOrDefault(root, List.of()));
        for (Route route : batch.lookups().keySet()) {
            for (Map.Entry<List<String>, List<SinkRecord>> tuple :
                    batch.lookups().get(route).entrySet()) {
                if (rootsOf(route, tuple.getKey()).contains(root)) {
                    records.addAll(tuple.getValue());
                }
            }
        }
        return records.isEmpty() ? anyLookedUp() : records;
    }

    private Set<RootKey> rootsOf(Route route, List<String> tuple) throws TransientFailure {
        Map<List<String>, Set<RootKey>> ofRoute = lookedUp.computeIfAbsent(route, key -> new HashMap<>());
        Set<RootKey> roots = ofRoute.get(tuple);
        if (roots == null) {
            roots = session.lookUp(route, List.of(tuple), Integer.MAX_VALUE).orElseThrow();
            ofRoute.put(tuple, roots);
        }
        return roots;
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
