package io.pg2es.connect.topics;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.OpenRecords;
import io.pg2es.connect.refresh.PrimaryLink;
import io.pg2es.connect.refresh.Refresh;
import io.pg2es.connect.retry.Backoff;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does what the records of the refresh topics ask for, a slice of roots at a time, so that changes never wait longer than
 * for one slice.
 *
 * <p>A slice holds requests of one topic. It is kept until it is done: what passes holds up no change.
 */
public final class RequestedRefreshes {
    private static final Logger LOG = LoggerFactory.getLogger(RequestedRefreshes.class);
    private static final Duration AT_ONCE = Duration.ofMillis(1);

    private final SinkConfig config;
    private final PrimaryLink link;
    private final Refresh refresh;
    private final Outcome outcome;
    private final Spreader spreader;
    private final OpenRecords open;
    private final SinkMetrics metrics;
    private final RefreshQueue queue;
    private final Backoff backoff;
    private final List<Request> slice = new ArrayList<>();
    private TimeLimit pause = TimeLimit.in(Duration.ZERO);
    /** The roots of the slice; null until its keys are known to be some. */
    private Batch batch;

    public RequestedRefreshes(
            SinkConfig config,
            PrimaryLink link,
            Refresh refresh,
            Outcome outcome,
            Spreader spreader,
            OpenRecords open,
            SinkMetrics metrics) {
        this.config = config;
        this.link = link;
        this.refresh = refresh;
        this.outcome = outcome;
        this.spreader = spreader;
        this.open = open;
        this.metrics = metrics;
        this.queue = new RefreshQueue(config, Clock.systemUTC());
        this.backoff = new Backoff(config.retryInitial(), config.retryMax());
    }

    /** A record with what it asks for, or why it does not say. */
    private record Request(SinkRecord record, List<RootKey> roots, Optional<UnusableRecordException> fault) {}

    /** Whether the record is a request, and no change. */
    public boolean isRequest(SinkRecord record) {
        return isRefreshTopic(record.topic());
    }

    /** Takes a request over, unless it was before. */
    public void take(SinkRecord record) {
        if (queue.add(record)) {
            open.add(List.of(record));
            metrics.increment(Metric.REQUESTS_TAKEN);
        }
    }

    /** Works on one slice, if there is any and no pause. */
    public void work() {
        if (!pause.isOver()) {
            return;
        }
        try {
            if (slice.isEmpty()) {
                fillSlice();
            }
            if (!slice.isEmpty()) {
                workOnSlice();
            }
            backoff.reset();
        } catch (TransientFailure e) {
            metrics.increment(Metric.RETRIES);
            link.recover(e);
            pause = TimeLimit.in(backoff.next());
            LOG.warn("Refreshing again what was asked for: {}", e.getMessage());
        }
    }

    private void fillSlice() {
        int roots = 0;
        Optional<SinkRecord> next = queue.next();
        while (next.isPresent()) {
            SinkRecord record = next.get();
            roots += addToSlice(record);
            next = roots < config.pageRoots() ? queue.nextOf(record.topic()) : Optional.empty();
        }
    }

    /** Returns how many roots the record adds. */
    private int addToSlice(SinkRecord record) {
        try {
            RefreshRequest request =
                    RefreshRequest.of(record, config.keyColumns().size());
            if (!request.concerns(config.index())) {
                open.done(List.of(record));
            } else if (request.isAll()) {
                spreader.spreadAll(record);
            } else {
                slice.add(new Request(record, request.roots(), Optional.empty()));
            }
            return request.roots().size();
        } catch (UnusableRecordException e) {
            slice.add(new Request(record, List.of(), Optional.of(unusable(record, e.getMessage()))));
            return 0;
        }
    }

    private void workOnSlice() throws TransientFailure {
        link.open();
        if (batch == null) {
            batch = readableRoots();
            batch.findRoots(link.session(), config.spreadRoots());
        }
        if (!batch.pending().isEmpty()) {
            refresh.runSlice(batch, config.pageRoots());
        }
        if (batch.pending().isEmpty()) {
            if (slice.get(0).record().topic().equals(config.refreshLaterTopic())) {
                // This was the second refresh; there is no third.
                batch.deleted().clear();
            }
            outcome.settle(batch);
            open.done(batch.records());
            batch = null;
            slice.clear();
        }
    }

    /** A key that PostgreSQL cannot read would let the whole read fail; its record is found, and no other suffers. */
    private Batch readableRoots() throws TransientFailure {
        Batch readable = new Batch(slice.stream().map(Request::record).toList());
        List<RootKey> all =
                slice.stream().flatMap(request -> request.roots().stream()).toList();
        boolean allReadable = problemOf(all).isEmpty();
        for (Request request : slice) {
            request.fault().ifPresent(fault -> readable.addFault(request.record(), fault));
            Optional<String> problem = allReadable ? Optional.empty() : problemOf(request.roots());
            if (problem.isPresent()) {
                readable.addFault(
                        request.record(), unusable(request.record(), "one of its keys can be none: " + problem.get()));
            } else {
                request.roots().forEach(root -> readable.addRoot(root, request.record()));
            }
        }
        return readable;
    }

    private Optional<String> problemOf(Collection<RootKey> roots) throws TransientFailure {
        return roots.isEmpty()
                ? Optional.empty()
                : link.session().findRootless(roots).problem();
    }

    private UnusableRecordException unusable(SinkRecord record, String reason) {
        return UnusableRecordException.of(config.pipeline(), record, reason);
    }

    /** Lets no more be read than may wait in memory, and has the task called again when there is something to do. */
    public void schedule(SinkTaskContext context) {
        for (TopicPartition partition : context.assignment()) {
            if (isRefreshTopic(partition.topic()) && queue.hasEnough(partition)) {
                context.pause(partition);
            } else if (isRefreshTopic(partition.topic())) {
                context.resume(partition);
            }
        }
        untilWork().ifPresent(wait -> context.timeout(Math.max(1, wait.toMillis())));
    }

    private boolean isRefreshTopic(String topic) {
        return topic.equals(config.refreshTopic()) || topic.equals(config.refreshLaterTopic());
    }

    private Optional<Duration> untilWork() {
        Optional<Duration> work = slice.isEmpty() ? queue.untilNext() : Optional.of(AT_ONCE);
        Duration paused = pause.left();
        return work.map(wait -> wait.compareTo(paused) < 0 ? paused : wait);
    }

    /** The slice in hand goes on: what its records ask for is done all the same. */
    public void forget(Collection<TopicPartition> partitions) {
        queue.forget(partitions);
    }
}
