package io.pg2es.connect.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.retry.TransientFailure;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.RoundRobinPartitioner;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;

class RefreshWriterTest {
    private final MockProducer<byte[], byte[]> producer =
            new MockProducer<>(true, new RoundRobinPartitioner(), new ByteArraySerializer(), new ByteArraySerializer());
    private final SinkMetrics metrics = TestConfig.metrics();
    private final RefreshWriter writer =
            new RefreshWriter(TestConfig.config("refresh.page.roots", "2"), metrics, producer);

    @Test
    void rootsAreWrittenInPages() throws TransientFailure {
        writer.writeRoots("topic", List.of(root("1"), root("2"), root("a\"b")));
        assertThat(requests())
                .containsExactly(
                        "{\"index\":\"orders-000001\",\"keys\":[[\"1\"],[\"2\"]]}",
                        "{\"index\":\"orders-000001\",\"keys\":[[\"a\\\"b\"]]}");
        assertThat(metrics.get(Metric.PAGES_WRITTEN)).isEqualTo(2);
    }

    @Test
    void noRootsAreNoPage() throws TransientFailure {
        writer.writeRoots("topic", List.of());
        assertThat(producer.history()).isEmpty();
    }

    @Test
    void everythingIsAskedForOfThisGeneration() throws TransientFailure {
        writer.writeAll("topic");
        assertThat(requests()).containsExactly("{\"all\":true,\"index\":\"orders-000001\"}");
    }

    @Test
    void whatKafkaDoesNotTakeNowIsTriedAgain() {
        producer.sendException = new TimeoutException("Topic topic not present in metadata");
        assertThatThrownBy(() -> writer.writeAll("topic"))
                .isInstanceOf(TransientFailure.class)
                .hasMessage(
                        "Pipeline orders: Kafka did not take a record for topic: Topic topic not present in metadata.");
    }

    @Test
    void whatSomebodyMustMendFailsTheTask() {
        producer.sendException = new TopicAuthorizationException("Not authorized to access topics");
        assertThatThrownBy(() -> writer.writeAll("topic"))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("options that begin with kafka.");
    }

    /** What was written: keys without a value, which every converter can read. */
    private List<String> requests() {
        assertThat(producer.history())
                .allSatisfy(sent -> assertThat(sent.value()).isNull());
        return producer.history().stream()
                .map(sent -> new String(sent.key(), StandardCharsets.UTF_8))
                .toList();
    }

    private static RootKey root(String key) {
        return new RootKey(List.of(key));
    }
}
