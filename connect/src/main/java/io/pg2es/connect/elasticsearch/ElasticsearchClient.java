package io.pg2es.connect.elasticsearch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.generation.Generation;
import io.pg2es.connect.retry.TransientFailure;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.apache.http.Header;
import org.apache.http.HttpHeaders;
import org.apache.http.HttpHost;
import org.apache.http.entity.ContentType;
import org.apache.http.message.BasicHeader;
import org.apache.http.nio.entity.NByteArrayEntity;
import org.apache.http.util.EntityUtils;
import org.apache.kafka.connect.errors.ConnectException;
import org.elasticsearch.client.Request;
import org.elasticsearch.client.Response;
import org.elasticsearch.client.ResponseException;
import org.elasticsearch.client.ResponseListener;
import org.elasticsearch.client.RestClient;
import org.elasticsearch.client.RestClientBuilder;

/** Requests to Elasticsearch, with failures by kind: passing, too large, or for somebody to mend. */
public final class ElasticsearchClient implements AutoCloseable {
    private static final ContentType NDJSON = ContentType.create("application/x-ndjson", StandardCharsets.UTF_8);
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
    private static final String CLUSTER_BLOCK = "cluster_block_exception";
    /** One bad action, such as an id that is too long, and Elasticsearch refuses the whole request. */
    private static final String INVALID_ACTION = "action_request_validation_exception";

    /** A search that goes over several requests was forgotten, as by a node that restarted. */
    private static final String SEARCH_FAILED = "search_phase_execution_exception";

    private static final int REASON_LENGTH = 500;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final SinkConfig config;
    private final RestClient client;

    public ElasticsearchClient(SinkConfig config) {
        this.config = config;
        this.client = build(config);
    }

    private static RestClient build(SinkConfig config) {
        HttpHost[] hosts = config.elasticsearchUrls().stream()
                .map(url -> new HttpHost(url.getHost(), port(url), url.getScheme()))
                .toArray(HttpHost[]::new);
        RestClientBuilder builder = RestClient.builder(hosts)
                .setNodeSelector(new OneNodeSelector())
                .setRequestConfigCallback(request -> request.setConnectTimeout((int) CONNECT_TIMEOUT.toMillis())
                        .setSocketTimeout((int) config.requestTimeout().toMillis()));
        authorization(config).ifPresent(header -> builder.setDefaultHeaders(new Header[] {header}));
        Tls.of(config).ifPresent(context -> builder.setHttpClientConfigCallback(http -> http.setSSLContext(context)));
        String path = config.elasticsearchUrls().get(0).getPath();
        if (!path.isEmpty() && !path.equals("/")) {
            builder.setPathPrefix(path);
        }
        return builder.build();
    }

    private static int port(URI url) {
        if (url.getPort() >= 0) {
            return url.getPort();
        }
        return url.getScheme().equals("https") ? 443 : 80;
    }

    private static Optional<Header> authorization(SinkConfig config) {
        Optional<String> credentials = config.elasticsearchApiKey()
                .map(key -> "ApiKey " + key.value())
                .or(() -> config.elasticsearchToken().map(token -> "Bearer " + token.value()))
                .or(() -> config.elasticsearchUser().map(user -> {
                    String pair = user + ":" + config.elasticsearchPassword().value();
                    return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
                }));
        return credentials.map(value -> new BasicHeader(HttpHeaders.AUTHORIZATION, value));
    }

    /** The generation of the index, as its mapping's {@code _meta} describes it. */
    public Generation generation() throws TransientFailure {
        Request request = new Request("GET", "/" + config.index() + "/_mapping");
        request.addParameter("filter_path", "*.mappings._meta.pg2es");
        return Generation.parse(ask(request), config.pipeline(), config.index());
    }

    /** Sends a bulk request once, and does not wait for the answer. */
    CompletableFuture<Response> sendBulk(byte[] body) {
        Request request = new Request("POST", "/" + config.index() + "/_bulk");
        request.addParameter("timeout", config.bulkTimeout().toMillis() + "ms");
        request.addParameter("filter_path", BulkResponse.FILTER);
        request.setEntity(new NByteArrayEntity(body, NDJSON));
        return send(request);
    }

    /**
     * Waits for the answer to a bulk request.
     *
     * @param actions how many actions it has
     */
    List<BulkItem> awaitBulk(Future<Response> answer, int actions) throws TransientFailure, RequestRefused {
        try {
            return BulkResponse.parse(await(answer).getEntity().getContent(), actions);
        } catch (IOException e) {
            throw new TransientFailure(describe("the answer broke off: " + e.getMessage()), e);
        }
    }

    /** Sends a request of which only the answer counts, and returns that. */
    JsonNode ask(Request request) throws TransientFailure {
        try {
            return JSON.readTree(await(send(request)).getEntity().getContent());
        } catch (RequestRefused e) {
            throw new ConnectException(describe(e.getMessage()));
        } catch (IOException e) {
            throw new TransientFailure(describe("the answer broke off: " + e.getMessage()), e);
        }
    }

    private CompletableFuture<Response> send(Request request) {
        CompletableFuture<Response> answer = new CompletableFuture<>();
        client.performRequestAsync(request, new ResponseListener() {
            @Override
            public void onSuccess(Response response) {
                answer.complete(response);
            }

            @Override
            public void onFailure(Exception failure) {
                answer.completeExceptionally(failure);
            }
        });
        return answer;
    }

    private Response await(Future<Response> answer) throws TransientFailure, RequestRefused {
        try {
            return answer.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("The task was interrupted.", e);
        } catch (ExecutionException e) {
            throw judge(e.getCause());
        }
    }

    private TransientFailure judge(Throwable failure) throws RequestRefused {
        if (failure instanceof ResponseException refused) {
            return judge(refused);
        }
        if (isUntrusted(failure)) {
            throw new ConnectException(
                    describe(failure.getMessage() + ". Mend the URLs or " + SinkKeys.ELASTICSEARCH_CA_CERTIFICATE));
        }
        if (failure instanceof IOException) {
            return new TransientFailure(describe(failure.toString()), failure);
        }
        throw new ConnectException(describe(failure.toString()), failure);
    }

    private TransientFailure judge(ResponseException error) throws RequestRefused {
        int status = error.getResponse().getStatusLine().getStatusCode();
        String answer = body(error);
        String problem = describe("it answered " + status + " " + answer);
        return switch (status) {
            case 413 -> throw new RequestRefused("request_too_large: Elasticsearch answers 413");
            case 408, 429, 500, 502, 503, 504 -> new TransientFailure(problem, error);
            case 401, 403 -> {
                if (answer.contains(CLUSTER_BLOCK)) {
                    yield new TransientFailure(problem, error);
                }
                throw new ConnectException(problem + " Mend the credentials or the user's privileges on the index.");
            }
            case 404 -> {
                if (answer.startsWith(SEARCH_FAILED)) {
                    yield new TransientFailure(problem, error);
                }
                throw new ConnectException(
                        problem + " The sink never creates an index: deploy the pipeline, or remove this connector.",
                        error);
            }
            default -> {
                if (answer.startsWith(INVALID_ACTION)) {
                    throw new RequestRefused(answer);
                }
                throw new ConnectException(problem);
            }
        };
    }

    private static String body(ResponseException error) {
        try {
            String text = EntityUtils.toString(error.getResponse().getEntity());
            JsonNode cause = JSON.readTree(text).path("error");
            String reason = cause.isObject()
                    ? cause.path("type").asText() + ": " + cause.path("reason").asText()
                    : text;
            return shorten(reason);
        } catch (IOException | IllegalArgumentException e) {
            // No JSON, or no body at all, as from a proxy: the status says enough.
            return "";
        }
    }

    /** Leaves out the middle of a long reason: what is wrong often stands at its end. */
    private static String shorten(String reason) {
        int half = REASON_LENGTH / 2;
        return reason.length() <= REASON_LENGTH
                ? reason
                : reason.substring(0, half) + "…" + reason.substring(reason.length() - half);
    }

    private static boolean isUntrusted(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            // The certificate is not trusted, or is another host's.
            if (cause instanceof GeneralSecurityException || cause instanceof SSLPeerUnverifiedException) {
                return true;
            }
        }
        return false;
    }

    private String describe(String problem) {
        return String.format(
                "Pipeline %s: Elasticsearch at %s, index %s: %s.",
                config.pipeline(), config.elasticsearchUrls(), config.index(), problem.strip());
    }

    @Override
    public void close() {
        try {
            client.close();
        } catch (IOException e) {
            // Nothing is under way: requests are waited for.
        }
    }
}
