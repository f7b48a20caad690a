package io.pg2es.connect.records;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * From change events to the tuples that lead to roots.
 *
 * <p>Every event counts, and its row before and after the change both do: a child that moved leaves one root and comes to
 * another. Duplicates go only after that.
 */
public final class RootCollector {
    private final String pipeline;
    private final Map<String, List<Route>> routesByTopic;
    private final SinkMetrics metrics;

    public RootCollector(String pipeline, List<Route> routes, SinkMetrics metrics) {
        this.pipeline = pipeline;
        this.routesByTopic = routes.stream().collect(Collectors.groupingBy(Route::topic));
        this.metrics = metrics;
    }

    /** Makes a batch of records; those that cannot be used are its faults. */
    public Batch collect(Collection<SinkRecord> records) {
        Batch batch = new Batch(records);
        for (SinkRecord record : records) {
            try {
                addEvent(record, batch);
            } catch (UnusableRecordException e) {
                batch.addFault(record, unusable(record, e.getMessage()));
            }
        }
        metrics.add(Metric.RECORDS, records.size());
        return batch;
    }

    private void addEvent(SinkRecord record, Batch batch) {
        ChangeEvent.Parsed parsed = ChangeEvent.parse(record.value());
        switch (parsed.kind()) {
            case NOTHING -> {}
            case TRUNCATE -> {
                metrics.increment(Metric.TRUNCATES);
                batch.addTruncate();
                addChange(record, parsed.event().orElseThrow(), batch);
            }
            case CHANGE -> addChange(record, parsed.event().orElseThrow(), batch);
        }
    }

    private void addChange(SinkRecord record, ChangeEvent event, Batch batch) {
        List<Route> routes = routesByTopic.get(record.topic());
        if (routes == null) {
            throw new UnusableRecordException("no route reads its topic");
        }
        event.transactionId().ifPresent(batch::addTransaction);
        for (Route route : routes) {
            try {
                tuples(route, event).forEach(tuple -> batch.addTuple(route, tuple, record));
            } catch (UnusableRecordException e) {
                batch.addFault(record, unusable(record, "route " + route.name() + ": " + e.getMessage()));
            }
        }
    }

    /** What the route follows; a key of which a part is NULL is none, but SQL may have a use for the other columns. */
    private static Set<List<String>> tuples(Route route, ChangeEvent event) {
        Set<List<String>> tuples = new LinkedHashSet<>();
        for (Row image : event.images()) {
            List<String> tuple = image.tuple(route.columns());
            if (route.sql().isPresent() || !tuple.contains(null)) {
                tuples.add(tuple);
            }
        }
        return tuples;
    }

    private UnusableRecordException unusable(SinkRecord record, String reason) {
        return UnusableRecordException.of(pipeline, record, reason);
    }
}
