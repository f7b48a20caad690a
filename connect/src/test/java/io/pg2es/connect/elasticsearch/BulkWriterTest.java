package io.pg2es.connect.elasticsearch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.documents.Document;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BulkWriterTest {
    private static final String FULL =
            "{\"index\":{\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\",\"reason\":\"full\"}}}";
    private static final String UNPARSABLE =
            "{\"index\":{\"status\":400,\"error\":{\"type\":\"document_parsing_exception\",\"reason\":\"no number\"}}}";
    private static final String WRITTEN = "{\"index\":{\"status\":201}}";
    private static final String CONFLICT =
            "{\"index\":{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"old\"}}}";

    private final SinkMetrics metrics = TestConfig.metrics();
    private FakeElasticsearch server;

    @BeforeEach
    void start() throws IOException {
        server = new FakeElasticsearch();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void linesGoAsPostgresRenderedThem() throws TransientFailure {
        BulkResult result = write(List.of(index("1", "{\"a\":1}"), delete("2")));
        assertThat(result.isAllAcknowledged()).isTrue();
        assertThat(server.received()).hasSize(1);
        assertThat(server.received().get(0).body())
                .isEqualTo("{\"index\":{\"_id\":\"1\"}}\n{\"a\":1}\n{\"delete\":{\"_id\":\"2\"}}\n");
        assertThat(server.received().get(0).uri())
                .startsWith("/orders-000001/_bulk?")
                .contains("timeout=5000ms");
        assertThat(metrics.get(Metric.DOCUMENTS_WRITTEN)).isEqualTo(1);
        assertThat(metrics.get(Metric.DOCUMENTS_DELETED)).isEqualTo(1);
        assertThat(metrics.get(Metric.BULK_REQUESTS)).isEqualTo(1);
    }

    @Test
    void eachDocumentIsJudgedAlone() throws TransientFailure {
        server.answer(FakeElasticsearch.items(WRITTEN, FULL, UNPARSABLE, CONFLICT));
        BulkResult result = write(List.of(index("1", "{}"), index("2", "{}"), index("3", "{}"), index("4", "{}")));
        assertThat(result.again()).containsExactly("2");
        assertThat(result.reason()).isEqualTo("es_rejected_execution_exception: full");
        assertThat(result.rejected()).containsOnlyKeys("3");
        assertThat(result.rejected().get("3"))
                .hasMessage("Pipeline orders: document 3 was rejected for index orders-000001: "
                        + "document_parsing_exception: no number.");
        assertThat(metrics.get(Metric.CONFLICTS)).isEqualTo(1);
        assertThat(metrics.get(Metric.REJECTED)).isEqualTo(1);
    }

    @Test
    void requestsStayBelowTheLimitAndALargerDocumentTravelsAlone() throws TransientFailure {
        String half = "{\"x\":\"" + "a".repeat(500) + "\"}";
        String large = "{\"x\":\"" + "a".repeat(3000) + "\"}";
        List<Document> documents =
                List.of(index("1", half), index("2", large), index("3", half), index("4", "{}"), index("5", half));
        write(documents, "bulk.max.bytes", "1080");
        assertThat(server.received().stream().map(request -> request.lines().size() / 2))
                .containsExactlyInAnyOrder(1, 1, 2, 1);
    }

    @Test
    void aDocumentOverTheLimitIsRejectedUnsent() throws TransientFailure {
        BulkResult result = write(List.of(index("1", "{}"), index("2", "{\"long\":1}")), "document.max.bytes", "5");
        assertThat(result.rejected().get("2"))
                .hasMessageContaining(": document_too_large: it has 10 bytes, more than document.max.bytes=5");
        assertThat(server.received()).hasSize(1);
        assertThat(server.received().get(0).body()).doesNotContain("long");
    }

    @Test
    void anIdThatElasticsearchCannotHoldIsRejectedUnsentAndItsDeleteIsDone() throws TransientFailure {
        String tooLong = "é".repeat(257);
        BulkResult result = write(List.of(
                index("1", "{}"),
                index(tooLong, "{}"),
                index("", "{}"),
                delete(""),
                delete("z".repeat(513)),
                delete("y".repeat(512))));
        assertThat(result.rejected()).containsOnlyKeys(tooLong, "");
        assertThat(result.rejected().get("")).hasMessageContaining(": id_empty: the id is empty");
        assertThat(result.rejected().get(tooLong))
                .hasMessageContaining(": id_too_long: the id has 514 bytes, Elasticsearch takes 512");
        assertThat(result.again()).isEmpty();
        assertThat(server.received()).hasSize(1);
        assertThat(server.received().get(0).body())
                .contains("y".repeat(512))
                .doesNotContain(tooLong, "zz", "\"_id\":\"\"");
        assertThat(metrics.get(Metric.DOCUMENTS_DELETED)).isEqualTo(3);
    }

    @Test
    void aRequestThatIsTooLargeIsHalvedDownToOneDocument() throws TransientFailure {
        FakeElasticsearch.Answer tooLarge = new FakeElasticsearch.Answer(413, "");
        // 4 → 2 + 2; the first 2 → 1 (too large alone) + 1.
        server.answer(tooLarge, tooLarge, tooLarge);
        BulkResult result = write(List.of(index("1", "{}"), index("2", "{}"), index("3", "{}"), index("4", "{}")));
        assertThat(result.rejected()).containsOnlyKeys("1");
        assertThat(result.rejected().get("1")).hasMessageContaining(": request_too_large: ");
        assertThat(result.again()).isEmpty();
        assertThat(metrics.get(Metric.DOCUMENTS_WRITTEN)).isEqualTo(3);
    }

    @Test
    void theActionForWhichARequestIsRefusedIsFound() throws TransientFailure {
        FakeElasticsearch.Answer refused = FakeElasticsearch.error(
                400, "action_request_validation_exception", "id [" + "x".repeat(600) + "] is too long");
        server.answer(refused, FakeElasticsearch.items(WRITTEN), refused);
        BulkResult result = write(List.of(index("1", "{}"), index("2", "{}")));
        assertThat(result.rejected()).containsOnlyKeys("2");
        assertThat(result.rejected().get("2").getMessage())
                .contains("action_request_validation_exception")
                .contains("…")
                .endsWith("is too long.");
    }

    @Test
    void whatElasticsearchFailsOverIsToldApart() throws TransientFailure {
        server.answer(FakeElasticsearch.items(
                "{\"index\":{\"status\":500,\"error\":{\"type\":\"null_pointer_exception\",\"reason\":\"oh\"}}}",
                "{\"index\":{\"status\":503,\"error\":{\"type\":\"unavailable_shards_exception\",\"reason\":\"no\"}}}",
                WRITTEN));
        BulkResult result = write(List.of(index("1", "{}"), index("2", "{}"), index("3", "{}")));
        assertThat(result.again()).containsExactly("1", "2");
        assertThat(result.failing()).containsOnlyKeys("1");
        assertThat(result.failing().get("1"))
                .hasMessageContaining("document 1 was rejected for index orders-000001: null_pointer_exception: oh");
    }

    @Test
    void aMissingIndexFailsTheTask() {
        server.answer(
                FakeElasticsearch.items(
                        "{\"index\":{\"status\":404,\"error\":{\"type\":\"index_not_found_exception\",\"reason\":\"no index\"}}}"));
        assertThatThrownBy(() -> write(List.of(index("1", "{}"))))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("index_not_found_exception: no index")
                .hasMessageContaining("never creates an index");
    }

    @Test
    void nothingIsSentWhenTheAnswerCouldComeAfterTheDeadline() {
        Reading late = reading(List.of(index("1", "{}")), Duration.ofSeconds(29));
        assertThatThrownBy(() -> writer().send(late))
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("they are read again");
        assertThat(server.received()).isEmpty();
    }

    private BulkResult write(List<Document> documents, String... options) throws TransientFailure {
        return writer(options).send(reading(documents, Duration.ofMinutes(10))).land();
    }

    private static Reading reading(List<Document> documents, Duration left) {
        return new Reading(documents, Set.of(), Map.of(), TimeLimit.in(left));
    }

    private BulkWriter writer(String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("elasticsearch.urls", server.url()));
        SinkConfig config = TestConfig.config(all.toArray(new String[0]));
        return new BulkWriter(config, new ElasticsearchClient(config), metrics);
    }

    private static Document index(String id, String source) {
        return new Document(id, bytes("{\"index\":{\"_id\":\"" + id + "\"}}"), bytes(source), source.length());
    }

    private static Document delete(String id) {
        return new Document(id, bytes("{\"delete\":{\"_id\":\"" + id + "\"}}"), null, 0);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
