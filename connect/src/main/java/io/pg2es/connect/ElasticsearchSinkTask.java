package io.pg2es.connect;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.DeadLetters;
import io.pg2es.connect.elasticsearch.BulkWriter;
import io.pg2es.connect.elasticsearch.ElasticsearchClient;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.OpenRecords;
import io.pg2es.connect.records.RootCollector;
import io.pg2es.connect.refresh.PrimaryLink;
import io.pg2es.connect.refresh.Refresh;
import io.pg2es.connect.refresh.VisibilityWait;
import io.pg2es.connect.retry.Backoff;
import io.pg2es.connect.retry.TimeIsUp;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import io.pg2es.connect.topics.Outcome;
import io.pg2es.connect.topics.RefreshWriter;
import io.pg2es.connect.topics.RequestedRefreshes;
import io.pg2es.connect.topics.Spreader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Refreshes the roots that change events lead to, and those that records of the refresh topics name.
 *
 * <p>{@code put} returns only when every document of its change events is acknowledged or the event is a dead-letter
 * record. What goes on after it, a lookup that is spread and the requests of the refresh topics, is open: Kafka Connect
 * is told to commit no offset behind it.
 */
public final class ElasticsearchSinkTask extends SinkTask {
    /** The task's number, put into its config by the connector. */
    static final String TASK_NUMBER = "pg2es.task";

    private static final Logger LOG = LoggerFactory.getLogger(ElasticsearchSinkTask.class);
    /** Time for one {@code put}: so long stops and rebalances may have to wait. Then the batch is handed over again. */
    private static final Duration PUT_TIME = Duration.ofSeconds(10);
    /** Time for one statement, after which fewer roots are read at once; a {@code put} may end with one. */
    private static final Duration STATEMENT_TIME = Duration.ofSeconds(60);

    private SinkConfig config;
    private SinkMetrics metrics;
    private ElasticsearchClient elasticsearch;
    private PrimaryLink link;
    private RootCollector collector;
    private VisibilityWait visibilityWait;
    private Refresh refresh;
    private RefreshWriter writer;
    private OpenRecords open;
    private Spreader spreader;
    private DeadLetters deadLetters;
    private Outcome outcome;
    private RequestedRefreshes requested;
    private Backoff backoff;
    /** The change events that an earlier {@code put} left undone; null when none. */
    private Batch batch;

    @Override
    public String version() {
        return Version.TEXT;
    }

    @Override
    public void start(Map<String, String> props) {
        config = new SinkConfig(props);
        metrics = new SinkMetrics(config.pipeline(), config.index(), props.getOrDefault(TASK_NUMBER, "0"));
        elasticsearch = new ElasticsearchClient(config);
        link = new PrimaryLink(config, elasticsearch, STATEMENT_TIME);
        collector = new RootCollector(config.pipeline(), config.routes(), metrics);
        visibilityWait = new VisibilityWait(config.visibilityPatience(), metrics);
        refresh = new Refresh(config, link, new BulkWriter(config, elasticsearch, metrics), metrics);
        writer = new RefreshWriter(config, props.getOrDefault(TASK_NUMBER, "0"), metrics);
        open = new OpenRecords();
        PrimaryLink ofSpreader = new PrimaryLink(config, elasticsearch, STATEMENT_TIME);
        spreader = new Spreader(config, elasticsearch, ofSpreader, writer, open, metrics);
        deadLetters = new DeadLetters(context.errantRecordReporter(), metrics);
        outcome = new Outcome(config, link, writer, deadLetters);
        requested = new RequestedRefreshes(config, link, refresh, outcome, spreader, open, metrics);
        backoff = new Backoff(config.retryInitial(), config.retryMax());
        metrics.register();
        spreader.start();
        openEarly();
    }

    /** What somebody must mend is reported at the start, not at the first event; what passes is left to {@code put}. */
    private void openEarly() {
        try {
            link.open();
        } catch (TransientFailure e) {
            LOG.info("Not ready to write yet: {}", e.getMessage());
        }
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        spreader.check();
        reportSpread();
        List<SinkRecord> changes = new ArrayList<>(records.size());
        for (SinkRecord record : records) {
            if (requested.isRequest(record)) {
                requested.take(record);
            } else {
                changes.add(record);
            }
        }
        if (!changes.isEmpty()) {
            refreshChanges(changes);
        }
        requested.work();
        requested.schedule(context);
    }

    private void reportSpread() {
        try {
            spreader.report(deadLetters);
        } catch (TransientFailure e) {
            throw later(e, backoff.next());
        }
    }

    private void refreshChanges(List<SinkRecord> records) {
        if (batch == null || !batch.consistsOf(records)) {
            batch = collector.collect(records);
        }
        try {
            process(TimeLimit.in(PUT_TIME));
            batch = null;
            backoff.reset();
        } catch (TimeIsUp e) {
            throw later(e, Duration.ofMillis(1));
        } catch (TransientFailure e) {
            metrics.increment(Metric.RETRIES);
            link.recover(e);
            throw later(e, backoff.next());
        }
    }

    private void process(TimeLimit limit) throws TransientFailure {
        if (batch.hasWork()) {
            link.open();
            visibilityWait.await(batch.invisible(), link.session(), limit);
            batch.findRoots(link.session(), config.spreadRoots());
            spreader.takeWide(batch);
            refresh.run(batch, limit);
        }
        outcome.settle(batch);
    }

    private RetriableException later(TransientFailure failure, Duration pause) {
        context.timeout(Math.max(1, pause.toMillis()));
        return new RetriableException(failure.getMessage(), failure);
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> taken) {
        return open.committable(taken);
    }

    /** The batch in hand may lose records to another task; Kafka Connect hands over what is left. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        batch = null;
        requested.forget(partitions);
        open.forget(partitions);
    }

    @Override
    public void stop() {
        for (AutoCloseable part : Arrays.asList(spreader, writer, link, elasticsearch, metrics)) {
            // One that cannot be closed keeps no other open; what was not opened is null.
            Utils.closeQuietly(part, "a part of the sink", LOG);
        }
    }
}
