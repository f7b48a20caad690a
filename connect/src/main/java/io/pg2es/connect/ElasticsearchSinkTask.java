package io.pg2es.connect;

import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Refreshes the roots that a batch of change events leads to.
 *
 * <p>{@code put} returns only when every document is acknowledged or its record is among the dead letters; so the offsets
 * that Kafka Connect commits by itself are right.
 */
public final class ElasticsearchSinkTask extends SinkTask {
    /** The task's number, put into its config by the connector. */
    static final String TASK_NUMBER = "pg2es.task";

    private static final Logger LOG = LoggerFactory.getLogger(ElasticsearchSinkTask.class);
    /** Tries within one {@code put}; after them Kafka Connect hands the batch over again. */
    private static final int TRIES = 3;
    /** Time for one {@code put}, well under Kafka's max.poll.interval.ms. */
    private static final Duration PUT_TIME = Duration.ofSeconds(60);

    private SinkConfig config;
    private SinkMetrics metrics;
    private ElasticsearchClient elasticsearch;
    private PrimaryLink link;
    private RootCollector collector;
    private VisibilityWait visibilityWait;
    private Refresh refresh;
    private DeadLetters deadLetters;
    private Backoff backoff;
    /** What an earlier {@code put} left undone; null when nothing. */
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
        link = new PrimaryLink(config, elasticsearch);
        collector = new RootCollector(config.pipeline(), config.routes(), metrics);
        visibilityWait = new VisibilityWait(config.visibilityPatience(), metrics);
        refresh = new Refresh(config, link, new BulkWriter(config, elasticsearch, metrics), metrics);
        deadLetters = new DeadLetters(context.errantRecordReporter(), metrics);
        backoff = new Backoff(config.retryInitial(), config.retryMax());
        metrics.register();
        openEarly();
    }

    /** What somebody must mend is told at the start, not at the first event; what passes is left to {@code put}. */
    private void openEarly() {
        try {
            link.open();
        } catch (TransientFailure e) {
            LOG.info("Not ready to write yet: {}", e.getMessage());
        }
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        if (records.isEmpty()) {
            return;
        }
        if (batch == null || !batch.consistsOf(records)) {
            batch = collector.collect(records);
        }
        TimeLimit limit = TimeLimit.in(PUT_TIME);
        for (int tries = 1; ; tries++) {
            try {
                process(limit);
                batch = null;
                backoff.reset();
                return;
            } catch (TimeIsUp e) {
                throw later(e, Duration.ofMillis(1));
            } catch (TransientFailure e) {
                metrics.increment(Metric.RETRIES);
                link.close();
                if (tries == TRIES || limit.isOver()) {
                    throw later(e, backoff.next());
                }
                LOG.warn("Trying again: {}", e.getMessage());
                backoff.pause();
            }
        }
    }

    private void process(TimeLimit limit) throws TransientFailure {
        if (batch.hasTuples()) {
            link.open();
            visibilityWait.await(batch.invisible(), link.session(), limit);
            batch.findRoots(link.session());
            refresh.run(batch, limit);
        }
        deadLetters.report(RecordFaults.of(batch, link.session()));
    }

    private RetriableException later(TransientFailure failure, Duration pause) {
        context.timeout(Math.max(1, pause.toMillis()));
        return new RetriableException(failure.getMessage(), failure);
    }

    /** The batch in hand may lose records to another task; Kafka Connect hands over what is left. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        batch = null;
    }

    @Override
    public void stop() {
        if (link != null) {
            link.close();
        }
        if (elasticsearch != null) {
            elasticsearch.close();
        }
        if (metrics != null) {
            metrics.unregister();
        }
    }
}
