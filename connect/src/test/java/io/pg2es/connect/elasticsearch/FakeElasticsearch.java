package io.pg2es.connect.elasticsearch;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import javax.net.ssl.SSLContext;

/** An HTTP server that answers what Elasticsearch is hard to bring to answer. */
public final class FakeElasticsearch implements AutoCloseable {
    /** A request as it came. */
    record Received(String method, String uri, String authorization, String body) {
        /** Actions and sources of a bulk request. */
        List<String> lines() {
            return body.lines().toList();
        }
    }

    /** An answer; {@code delayMs} before it is given. */
    public record Answer(int status, String body, long delayMs) {
        Answer(int status, String body) {
            this(status, body, 0);
        }

        /** The same answer, given so much later. */
        public Answer after(long ms) {
            return new Answer(status, body, ms);
        }
    }

    private final HttpServer server;
    private final String scheme;
    private final List<Received> received = new CopyOnWriteArrayList<>();
    private final Queue<Function<Received, Answer>> answers = new ConcurrentLinkedQueue<>();
    private final Map<String, Answer> answersByText = new ConcurrentHashMap<>();
    private final ExecutorService handlers = Executors.newCachedThreadPool();

    public FakeElasticsearch() throws IOException {
        this(HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0), "http");
    }

    FakeElasticsearch(SSLContext tls) throws IOException {
        this(secure(tls), "https");
    }

    private FakeElasticsearch(HttpServer server, String scheme) {
        this.server = server;
        this.scheme = scheme;
        server.setExecutor(handlers);
        server.createContext("/", this::handle);
        server.start();
    }

    private static HttpServer secure(SSLContext tls) throws IOException {
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls));
        return server;
    }

    public String url() {
        return scheme + "://127.0.0.1:" + server.getAddress().getPort();
    }

    /** The next answers, in turn; after the last of them every item is well. */
    public FakeElasticsearch answer(Answer... next) {
        for (Answer answer : next) {
            answers.add(request -> answer);
        }
        return this;
    }

    /** The answer to every request whose body has this text. */
    public FakeElasticsearch answerTo(String text, Answer answer) {
        answersByText.put(text, answer);
        return this;
    }

    List<Received> received() {
        return received;
    }

    /** Bodies of the requests, in the order in which they came. */
    public List<String> bodies() {
        return received.stream().map(Received::body).toList();
    }

    private void handle(HttpExchange exchange) throws IOException {
        Received request = new Received(
                exchange.getRequestMethod(),
                exchange.getRequestURI().toString(),
                exchange.getRequestHeaders().getFirst("Authorization"),
                new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
        received.add(request);
        Answer answer = answersByText.entrySet().stream()
                .filter(entry -> request.body().contains(entry.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElseGet(() -> nextAnswer(request));
        try {
            Thread.sleep(answer.delayMs());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.getResponseHeaders().add("X-Elastic-Product", "Elasticsearch");
        exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private Answer nextAnswer(Received request) {
        Function<Received, Answer> next = answers.poll();
        return next == null ? allWell(request) : next.apply(request);
    }

    private static Answer allWell(Received request) {
        List<String> items = request.lines().stream()
                .filter(line -> line.startsWith("{\"index\"") || line.startsWith("{\"delete\""))
                .map(line -> line.startsWith("{\"index\"")
                        ? "{\"index\":{\"status\":201}}"
                        : "{\"delete\":{\"status\":200}}")
                .toList();
        return new Answer(200, "{\"items\":[" + String.join(",", items) + "]}");
    }

    public static Answer items(String... items) {
        return new Answer(200, "{\"items\":[" + String.join(",", items) + "]}");
    }

    public static Answer error(int status, String type, String reason) {
        return new Answer(
                status,
                "{\"error\":{\"type\":\"" + type + "\",\"reason\":\"" + reason + "\"},\"status\":" + status + "}");
    }

    @Override
    public void close() {
        server.stop(0);
        handlers.shutdownNow();
    }
}
