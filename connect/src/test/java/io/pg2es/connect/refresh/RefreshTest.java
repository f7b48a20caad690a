package io.pg2es.connect.refresh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.documents.Document;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.elasticsearch.BulkWriter;
import io.pg2es.connect.elasticsearch.ElasticsearchClient;
import io.pg2es.connect.elasticsearch.FakeElasticsearch;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.Events;
import io.pg2es.connect.records.RecordFaults;
import io.pg2es.connect.records.RootCollector;
import io.pg2es.connect.retry.TimeIsUp;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RefreshTest {
    @Test
    void whatTheTimeDoesNotSufficeForStaysPending() throws TransientFailure {
        SinkConfig config = TestConfig.config();
        SinkMetrics metrics = TestConfig.metrics();
        Batch batch = new RootCollector("orders", config.routes(), metrics)
                .collect(List.of(Events.record("shop.public.orders", 0, "{\"op\":\"c\",\"after\":{\"id\":1}}")));
        batch.findRoots(null, 1);
        Refresh refresh = new Refresh(config, null, null, metrics);
        assertThatThrownBy(() -> refresh.run(batch, TimeLimit.in(Duration.ZERO)))
                .isInstanceOf(TimeIsUp.class)
                .hasMessage("Pipeline orders: 1 roots of the batch are left for the next round.");
        assertThat(batch.pending()).containsExactly(new RootKey(List.of("1")));
    }

    @Test
    void aDocumentOverWhichElasticsearchAlwaysFailsIsGivenUp() throws IOException, TransientFailure {
        String failed =
                "{\"index\":{\"status\":500,\"error\":{\"type\":\"null_pointer_exception\",\"reason\":\"oh\"}}}";
        RootKey root = new RootKey(List.of("1"));
        SinkMetrics metrics = TestConfig.metrics();
        try (FakeElasticsearch server = new FakeElasticsearch()) {
            SinkConfig config = TestConfig.config("elasticsearch.urls", server.url());
            Batch batch = new RootCollector("orders", config.routes(), metrics)
                    .collect(List.of(Events.record("shop.public.orders", 0, "{\"op\":\"c\",\"after\":{\"id\":1}}")));
            batch.findRoots(null, 1);
            BulkWriter writer = new BulkWriter(config, new ElasticsearchClient(config), metrics);
            Refresh refresh = new Refresh(config, null, writer, metrics);
            byte[] line = "{}".getBytes(StandardCharsets.UTF_8);
            Reading reading = new Reading(
                    List.of(new Document("1", line, line, 2)),
                    Set.of(),
                    Map.of("1", List.of(root)),
                    TimeLimit.in(Duration.ofMinutes(10)));
            for (int tries = 1; tries <= 20; tries++) {
                assertThat(batch.pending()).containsExactly(root);
                server.answer(FakeElasticsearch.items(failed));
                BulkWriter.Result result = writer.write(reading);
                assertThatThrownBy(() -> refresh.settle(batch, List.of(root), reading, result))
                        .isInstanceOf(TransientFailure.class)
                        .hasMessageContaining("null_pointer_exception: oh");
            }
            assertThat(batch.pending()).isEmpty();
            assertThat(RecordFaults.of(batch, null)).hasSize(1);
        }
    }
}
