package io.pg2es.connect.records;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.postgres.LookupFailedException;
import io.pg2es.connect.postgres.PostgresSession;
import io.pg2es.connect.retry.TransientFailure;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * The records of one {@code put} and what is left to do for them.
 *
 * <p>Kafka Connect hands the same records over again after a {@code RetriableException}; the batch is kept meanwhile, so
 * that what was acknowledged is not done twice and a huge batch ends after several rounds.
 */
public final class Batch {
    private final List<SinkRecord> records;
    private final Set<Long> invisible = new LinkedHashSet<>();
    private final Map<RootKey, List<SinkRecord>> direct = new LinkedHashMap<>();
    private final Map<Route, Map<List<String>, List<SinkRecord>>> lookups = new LinkedHashMap<>();
    private final Map<Route, Map<List<String>, List<SinkRecord>>> wide = new LinkedHashMap<>();
    private final IdentityHashMap<SinkRecord, List<DataException>> faults = new IdentityHashMap<>();
    private final Map<RootKey, DataException> rejected = new LinkedHashMap<>();
    private final Map<RootKey, Integer> failures = new HashMap<>();
    private final Set<RootKey> deleted = new LinkedHashSet<>();
    private boolean truncated;
    private Set<RootKey> pending;

    public Batch(Collection<SinkRecord> records) {
        this.records = List.copyOf(records);
    }

    /** Whether these are the records of this batch, handed over again. */
    public boolean consistsOf(Collection<SinkRecord> others) {
        if (others.size() != records.size()) {
            return false;
        }
        int at = 0;
        for (SinkRecord other : others) {
            if (!samePlace(records.get(at++), other)) {
                return false;
            }
        }
        return true;
    }

    private static boolean samePlace(SinkRecord one, SinkRecord other) {
        return one.originalKafkaOffset() == other.originalKafkaOffset()
                && one.originalKafkaPartition().equals(other.originalKafkaPartition())
                && one.originalTopic().equals(other.originalTopic());
    }

    /** The records, in the order in which they came. */
    public List<SinkRecord> records() {
        return records;
    }

    void addTransaction(long id) {
        invisible.add(id);
    }

    /** A row's columns lead to a root by this route. */
    void addTuple(Route route, List<String> tuple, SinkRecord record) {
        if (route.sql().isEmpty()) {
            addRoot(new RootKey(tuple), record);
        } else {
            lookups.computeIfAbsent(route, key -> new LinkedHashMap<>())
                    .computeIfAbsent(tuple, key -> new ArrayList<>())
                    .add(record);
        }
    }

    /** A root is asked for by its key. */
    public void addRoot(RootKey root, SinkRecord record) {
        direct.computeIfAbsent(root, key -> new ArrayList<>()).add(record);
    }

    /** A table was emptied, which says of no row that it is gone. */
    void addTruncate() {
        truncated = true;
    }

    /** Whether all roots are still to be asked for, because a table was emptied. */
    public boolean isTruncated() {
        return truncated;
    }

    /** All roots have been asked for. */
    public void settleTruncate() {
        truncated = false;
    }

    /** The record cannot be used, or not all of it. */
    public void addFault(SinkRecord record, DataException fault) {
        faults.computeIfAbsent(record, key -> new ArrayList<>()).add(fault);
    }

    /** Transactions not yet seen to be visible; the wait for them removes them. */
    public Set<Long> invisible() {
        return invisible;
    }

    Map<RootKey, List<SinkRecord>> direct() {
        return Collections.unmodifiableMap(direct);
    }

    /** For each route with SQL: its tuples, each with the records it came from. */
    Map<Route, Map<List<String>, List<SinkRecord>>> lookups() {
        return Collections.unmodifiableMap(lookups);
    }

    /** Whether any record may lead to a root. */
    public boolean hasWork() {
        return truncated || !direct.isEmpty() || !lookups.isEmpty();
    }

    /**
     * Looks the roots up, unless an earlier try has done so. Every transaction must be visible.
     *
     * @param most how many roots a lookup may lead to; one that leads to more is wide, and its roots stay out
     */
    public void findRoots(PostgresSession session, int most) throws TransientFailure {
        if (pending != null) {
            return;
        }
        Set<RootKey> roots = new LinkedHashSet<>(direct.keySet());
        for (Route route : List.copyOf(lookups.keySet())) {
            findRoots(session, route, List.copyOf(lookups.get(route).keySet()), most, roots);
        }
        lookups.values().removeIf(Map::isEmpty);
        pending = roots;
    }

    /** Adds the roots of the tuples, found by halves where they cannot be found together. */
    private void findRoots(
            PostgresSession session, Route route, List<List<String>> tuples, int most, Set<RootKey> roots)
            throws TransientFailure {
        try {
            Optional<Set<RootKey>> found = session.lookUp(route, tuples, most);
            found.ifPresentOrElse(roots::addAll, () -> moveToWide(route, tuples));
        } catch (LookupFailedException e) {
            if (tuples.size() > 1) {
                int half = tuples.size() / 2;
                findRoots(session, route, tuples.subList(0, half), most, roots);
                findRoots(session, route, tuples.subList(half, tuples.size()), most, roots);
            } else if (e.problem().isPresent()) {
                UnusableRecordException fault = noRoot(route, e.problem().get());
                lookups.get(route).remove(tuples.get(0)).forEach(record -> addFault(record, fault));
            } else {
                moveToWide(route, tuples); // one row alone takes so long: it is left to whoever has the time
            }
        }
    }

    private void moveToWide(Route route, List<List<String>> tuples) {
        Map<List<String>, List<SinkRecord>> ofRoute = wide.computeIfAbsent(route, key -> new LinkedHashMap<>());
        tuples.forEach(tuple -> ofRoute.put(tuple, lookups.get(route).remove(tuple)));
    }

    /** Why a row's record is a dead-letter record: its values lead to no root, and never will. */
    public static UnusableRecordException noRoot(Route route, String problem) {
        return new UnusableRecordException(String.format(
                "The row's columns %s lead to no root by route %s: %s.", route.columns(), route.name(), problem));
    }

    /** Lookups that lead to too many roots; whoever takes them over removes them. */
    public Map<Route, Map<List<String>, List<SinkRecord>>> wide() {
        return wide;
    }

    /** Roots whose documents are not acknowledged yet. */
    public Set<RootKey> pending() {
        return pending;
    }

    /** Counts a failure of Elasticsearch over the root's document, and returns how many there were. */
    public int countFailure(RootKey root) {
        return failures.merge(root, 1, Integer::sum);
    }

    /** Nothing is left to do for the root, except to report why its document was rejected. */
    public void reject(RootKey root, DataException reason) {
        pending.remove(root);
        rejected.put(root, reason);
    }

    Map<RootKey, DataException> rejected() {
        return Collections.unmodifiableMap(rejected);
    }

    /** Roots whose documents were deleted and that nobody has scheduled yet for a second refresh. */
    public Set<RootKey> deleted() {
        return deleted;
    }

    /** Faults of a record, in the order in which they were found. */
    List<DataException> faultsOf(SinkRecord record) {
        return faults.getOrDefault(record, List.of());
    }
}
