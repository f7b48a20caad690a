package io.pg2es.connect.deadletters;

import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.retry.TransientFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands records that no retry can mend to Kafka Connect's errant record reporter. */
public final class DeadLetters {
    private static final Logger LOG = LoggerFactory.getLogger(DeadLetters.class);

    /** Null when the connector has no place for dead-letter records. */
    private final ErrantRecordReporter reporter;

    private final SinkMetrics metrics;

    public DeadLetters(ErrantRecordReporter reporter, SinkMetrics metrics) {
        this.reporter = reporter;
        this.metrics = metrics;
    }

    /**
     * Reports the faulty records and waits until the reports are safe.
     *
     * @throws ConnectException with the first record's fault, when there is no reporter
     */
    public void report(List<FaultyRecord> faults) throws TransientFailure {
        List<Future<Void>> reports = new ArrayList<>();
        for (FaultyRecord faulty : faults) {
            DataException summary = faulty.summary();
            if (reporter == null) {
                throw new ConnectException(
                        summary.getMessage() + " There is no place for dead letters: set errors.tolerance=all and "
                                + "errors.deadletterqueue.topic.name, or mend the cause and restart the task.");
            }
            SinkRecord record = faulty.record();
            LOG.warn("Dead-letter record: {}", FaultyRecord.place(record));
            reports.add(reporter.report(record, summary));
        }
        for (Future<Void> report : reports) {
            await(report);
            metrics.increment(Metric.DEAD_LETTERS);
        }
    }

    private static void await(Future<Void> report) throws TransientFailure {
        try {
            report.get();
        } catch (ExecutionException e) {
            throw new TransientFailure("The dead letter topic did not take a record: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("The task was interrupted.", e);
        }
    }
}
