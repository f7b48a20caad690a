package io.pg2es.connect.elasticsearch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.TestConfig;
import io.pg2es.connect.retry.TransientFailure;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ElasticsearchClientTest {
    private static final byte[] BODY = "{\"index\":{\"_id\":\"1\"}}\n{}\n".getBytes(StandardCharsets.UTF_8);

    private FakeElasticsearch server;

    @BeforeEach
    void start() throws IOException {
        server = new FakeElasticsearch();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {408, 429, 500, 502, 503, 504})
    void anOverloadedOrRestartingServerIsTriedAgain(int status) {
        server.answer(FakeElasticsearch.error(status, "some_exception", "busy"));
        assertThatThrownBy(() -> bulk(server.url()))
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("Pipeline orders: Elasticsearch at [" + server.url() + "], index orders-000001: "
                        + "it answered " + status + " some_exception: busy.");
    }

    @ParameterizedTest
    @CsvSource({"401, privileges", "403, privileges", "404, never creates an index", "400, it answered 400"})
    void whatSomebodyMustMendFailsTheTask(int status, String message) {
        server.answer(FakeElasticsearch.error(status, "some_exception", "no"));
        assertThatThrownBy(() -> bulk(server.url()))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aBlockedClusterIsTriedAgainThoughItSaysForbidden() {
        server.answer(FakeElasticsearch.error(403, "cluster_block_exception", "read-only"));
        assertThatThrownBy(() -> bulk(server.url())).isInstanceOf(TransientFailure.class);
    }

    @Test
    void anAnswerOfAProxyNeedsNoJson() {
        server.answer(new FakeElasticsearch.Answer(502, "<html>"), new FakeElasticsearch.Answer(503, ""));
        for (int request = 0; request < 2; request++) {
            assertThatThrownBy(() -> bulk(server.url()))
                    .isInstanceOf(TransientFailure.class)
                    .hasMessageContaining("it answered 50");
        }
    }

    @Test
    void aRequestThatIsTooLargeIsToldApart() {
        server.answer(new FakeElasticsearch.Answer(413, ""));
        assertThatThrownBy(() -> bulk(server.url())).isInstanceOf(RequestRefused.class);
    }

    @Test
    void aSilentServerIsGivenUp() {
        server.answer(new FakeElasticsearch.Answer(200, "{}", 2_000));
        assertThatThrownBy(() -> bulk(server.url(), "request.timeout.ms", "200", "bulk.timeout.ms", "100"))
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("SocketTimeoutException");
    }

    @Test
    void anAbsentServerIsTriedAgain() throws IOException {
        assertThatThrownBy(() -> bulk(freeUrl())).isInstanceOf(TransientFailure.class);
    }

    @Test
    void aFailedRequestIsNotSentToTheNextNodeByItself() throws IOException {
        try (FakeElasticsearch other = new FakeElasticsearch()) {
            server.answer(FakeElasticsearch.error(503, "e", "r"));
            other.answer(FakeElasticsearch.error(503, "e", "r"));
            assertThatThrownBy(() -> bulk(server.url() + "," + other.url())).isInstanceOf(TransientFailure.class);
            assertThat(server.received().size() + other.received().size()).isEqualTo(1);
        }
    }

    @Test
    void theNextRequestGoesToAnotherNode() throws Exception {
        try (FakeElasticsearch other = new FakeElasticsearch();
                ElasticsearchClient client = client(server.url() + "," + other.url())) {
            for (int request = 0; request < 4; request++) {
                client.awaitBulk(client.sendBulk(BODY), 1);
            }
            assertThat(server.received()).hasSize(2);
            assertThat(other.received()).hasSize(2);
        }
    }

    @Test
    void aDeadNodeIsLeftOutAfterOneFailure() throws Exception {
        try (ElasticsearchClient client = client(freeUrl() + "," + server.url())) {
            int failures = 0;
            for (int request = 0; request < 6; request++) {
                try {
                    client.awaitBulk(client.sendBulk(BODY), 1);
                } catch (TransientFailure e) {
                    failures++;
                }
            }
            assertThat(failures).isEqualTo(1);
        }
    }

    @Test
    void credentialsComeWithEveryRequest() throws Exception {
        bulk(server.url(), "elasticsearch.user", "u", "elasticsearch.password", "p");
        bulk(server.url(), "elasticsearch.api.key", "key");
        bulk(server.url());
        assertThat(server.received())
                .extracting(FakeElasticsearch.Received::authorization)
                .containsExactly("Basic dTpw", "ApiKey key", null);
    }

    @Test
    void aPathInTheUrlIsKept() throws Exception {
        bulk(server.url() + "/search");
        assertThat(server.received().get(0).uri()).startsWith("/search/orders-000001/_bulk");
    }

    @Test
    void theGenerationIsReadFromTheMapping() throws Exception {
        server.answer(new FakeElasticsearch.Answer(200, """
                        {"orders-000001": {"mappings": {"_meta": {"pg2es": {"format": 1, "pipeline": "orders", "epoch": 0,
                          "system_identifier": "7", "timeline": 1, "fence": "5"}}}}}"""));
        try (ElasticsearchClient client = client(server.url())) {
            assertThat(client.generation().fence()).contains("5");
        }
        assertThat(server.received().get(0).uri()).startsWith("/orders-000001/_mapping?");
    }

    private static List<BulkItem> bulk(String urls, String... options) throws TransientFailure, RequestRefused {
        try (ElasticsearchClient client = client(urls, options)) {
            return client.awaitBulk(client.sendBulk(BODY), 1);
        }
    }

    private static ElasticsearchClient client(String urls, String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("elasticsearch.urls", urls));
        return new ElasticsearchClient(TestConfig.config(all.toArray(new String[0])));
    }

    /** The address of a port where nobody listens. */
    private static String freeUrl() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return "http://127.0.0.1:" + socket.getLocalPort();
        }
    }
}
