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
import io.pg2es.connect.elasticsearch.FakeElasticsearch.Answer;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.Events;
import io.pg2es.connect.records.RecordFaults;
import io.pg2es.connect.records.RootCollector;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FlightsTest {
    private static final String FAILED =
            "{\"index\":{\"status\":500,\"error\":{\"type\":\"null_pointer_exception\",\"reason\":\"oh\"}}}";
    private static final String FULL =
            "{\"index\":{\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\",\"reason\":\"full\"}}}";
    private static final String WRITTEN = "{\"index\":{\"status\":201}}";
    private static final long LATE_MS = 50;

    private final SinkMetrics metrics = TestConfig.metrics();
    private FakeElasticsearch server;
    private ElasticsearchClient client;
    private SinkConfig config;
    private BulkWriter writer;
    private Batch batch;

    @BeforeEach
    void start() throws IOException, TransientFailure {
        server = new FakeElasticsearch();
        config = TestConfig.config("elasticsearch.urls", server.url(), "bulk.max.bytes", "2000", "bulk.flights", "3");
        client = new ElasticsearchClient(config);
        writer = new BulkWriter(config, client, metrics);
        batch = new RootCollector("orders", config.routes(), metrics)
                .collect(IntStream.rangeClosed(1, 6)
                        .mapToObj(id ->
                                Events.record("shop.public.orders", id, "{\"op\":\"c\",\"after\":{\"id\":" + id + "}}"))
                        .toList());
        batch.findRoots(null, 1);
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    @Test
    void aRootIsInOneFlightAtMost() throws TransientFailure {
        try (Flights flights = new Flights(config, batch, metrics)) {
            assertThat(flights.waiting(2)).containsExactly(root(1), root(2));
            fly(flights, 1, "");
            assertThat(flights.waiting(2)).containsExactly(root(2), root(3));
            assertThat(batch.pending()).contains(root(1));
        }
        assertThat(batch.pending()).doesNotContain(root(1)).hasSize(5);
    }

    @Test
    void severalFlyAndTheFirstLandsWhenThereIsNoRoom() throws TransientFailure {
        try (Flights flights = new Flights(config, batch, metrics)) {
            for (int id = 1; id <= 3; id++) {
                flights.makeRoom();
                fly(flights, id, "");
            }
            assertThat(batch.pending()).hasSize(6);
            flights.makeRoom();
            assertThat(batch.pending()).hasSize(5).doesNotContain(root(1));
            fly(flights, 4, "");
        }
        assertThat(batch.pending()).containsExactly(root(5), root(6));
    }

    @Test
    void largeDocumentsDoNotPileUpInMemory() throws TransientFailure {
        try (Flights flights = new Flights(config, batch, metrics)) {
            fly(flights, 1, "a".repeat(3500));
            flights.makeRoom();
            assertThat(batch.pending()).contains(root(1));
            fly(flights, 2, "a".repeat(3500));
            flights.makeRoom();
            assertThat(batch.pending()).doesNotContain(root(1)).contains(root(2));
        }
    }

    /** Each of the flights fails in turn, each in another way, and the answers come in any order. */
    @Test
    void whenOneFailsTheOthersLand() throws IOException, TransientFailure {
        for (int failing = 1; failing <= 3; failing++) {
            for (int late = 1; late <= 3; late++) {
                for (Answer failure : List.of(
                        FakeElasticsearch.items(FULL),
                        FakeElasticsearch.error(503, "unavailable", "soon"),
                        FakeElasticsearch.error(403, "security_exception", "no"))) {
                    oneFails(failing, late, failure);
                    stop();
                    start();
                }
            }
        }
    }

    private void oneFails(int failing, int late, Answer failure) throws TransientFailure {
        for (int id = 1; id <= 3; id++) {
            Answer answer = id == failing ? failure : FakeElasticsearch.items(WRITTEN);
            server.answerTo("\"_id\":\"" + id + "\"", answer.after(id == late ? LATE_MS : 0));
        }
        Flights flights = new Flights(config, batch, metrics);
        for (int id = 1; id <= 3; id++) {
            fly(flights, id, "");
        }
        assertThatThrownBy(flights::close)
                .isInstanceOf(failure.status() == 403 ? ConnectException.class : TransientFailure.class);
        assertThat(batch.pending()).containsExactly(root(failing), root(4), root(5), root(6));
        assertThat(server.bodies()).as("requests, none sent again").hasSize(3);
    }

    @Test
    void theFirstFailureIsSaidAndTheOthersStandBesideIt() throws TransientFailure {
        server.answerTo("\"_id\":\"1\"", FakeElasticsearch.items(FULL).after(LATE_MS));
        server.answerTo("\"_id\":\"2\"", FakeElasticsearch.items(FAILED));
        Flights flights = new Flights(config, batch, metrics);
        fly(flights, 1, "");
        fly(flights, 2, "");
        assertThatThrownBy(flights::close)
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("did not take 1 of 1 documents for index orders-000001 now: es_rejected")
                .satisfies(failure -> assertThat(failure.getSuppressed())
                        .singleElement()
                        .asString()
                        .contains("null_pointer_exception: oh"));
        assertThat(batch.pending()).hasSize(6);
    }

    @Test
    void aDocumentOverWhichElasticsearchAlwaysFailsIsGivenUp() throws TransientFailure {
        for (int tries = 1; tries <= 20; tries++) {
            assertThat(batch.pending()).contains(root(1));
            server.answer(FakeElasticsearch.items(FAILED));
            Flights flights = new Flights(config, batch, metrics);
            fly(flights, 1, "");
            assertThatThrownBy(flights::close)
                    .isInstanceOf(TransientFailure.class)
                    .hasMessageContaining("null_pointer_exception: oh");
        }
        assertThat(batch.pending()).doesNotContain(root(1));
        assertThat(RecordFaults.of(batch, null)).hasSize(1);
    }

    private void fly(Flights flights, int id, String text) throws TransientFailure {
        String source = "{\"text\":\"" + text + "\"}";
        Document document = new Document(
                Integer.toString(id),
                ("{\"index\":{\"_id\":\"" + id + "\"}}").getBytes(StandardCharsets.UTF_8),
                source.getBytes(StandardCharsets.UTF_8),
                source.length());
        Reading reading = new Reading(
                List.of(document),
                Set.of(),
                Map.of(document.id(), List.of(root(id))),
                TimeLimit.in(Duration.ofMinutes(10)));
        flights.add(List.of(root(id)), reading, writer.send(reading));
    }

    private static RootKey root(int id) {
        return new RootKey(List.of(Integer.toString(id)));
    }
}
