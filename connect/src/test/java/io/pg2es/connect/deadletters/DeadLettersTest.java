package io.pg2es.connect.deadletters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.Events;
import io.pg2es.connect.records.RecordFaults;
import io.pg2es.connect.records.RootCollector;
import io.pg2es.connect.retry.TransientFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class DeadLettersTest {
    private final SinkMetrics metrics = TestConfig.metrics();
    private final SinkRecord record = Events.record("shop.public.orders", 7, "{\"op\":\"c\",\"after\":{\"id\":1}}");

    @Test
    void aRejectedDocumentIsReportedOnceForEachRecordThatLedToIt() throws TransientFailure {
        Batch batch = new RootCollector("orders", TestConfig.config().routes(), metrics).collect(List.of(record));
        batch.findRoots(null, 1);
        batch.reject(new RootKey(List.of("1")), new RejectedDocumentException("rejected."));
        batch.addFault(record, new UnusableRecordException("unusable."));
        List<String> reports = new ArrayList<>();

        new DeadLetters(
                        (reported, error) -> {
                            reports.add(reported.kafkaOffset() + " " + error.getMessage());
                            return CompletableFuture.completedFuture(null);
                        },
                        metrics)
                .report(RecordFaults.of(batch, null));

        assertThat(reports).containsExactly("7 unusable. (1 more for this record.)");
        assertThat(metrics.get(Metric.DEAD_LETTERS)).isEqualTo(1);
        assertThat(batch.pending()).isEmpty();
    }

    @Test
    void withoutAPlaceForThemTheTaskFailsWithTheReason() {
        assertThatThrownBy(() -> new DeadLetters(null, metrics).report(faults()))
                .isInstanceOf(ConnectException.class)
                .hasMessageStartingWith("reason. There is no place for dead letters: set errors.tolerance=all");
    }

    @Test
    void aReportThatIsNotSafeIsTriedAgain() {
        CompletableFuture<Void> failed = CompletableFuture.failedFuture(new ExecutionException("no broker", null));
        assertThatThrownBy(() -> new DeadLetters((reported, error) -> failed, metrics).report(faults()))
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("dead letter topic");
        assertThat(metrics.get(Metric.DEAD_LETTERS)).isZero();
    }

    private List<FaultyRecord> faults() {
        return List.of(new FaultyRecord(record, List.of(new UnusableRecordException("reason."))));
    }
}
