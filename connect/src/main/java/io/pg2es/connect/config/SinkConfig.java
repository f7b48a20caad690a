package io.pg2es.connect.config;

import java.net.URI;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;

/** The sink's options as values; valid once made. */
public final class SinkConfig extends AbstractConfig {
    private final List<Route> routes;

    public SinkConfig(Map<String, String> properties) {
        super(SinkKeys.CONFIG_DEF, properties, false);
        List<ConfigChecks.Problem> problems = ConfigChecks.problems(properties);
        if (!problems.isEmpty()) {
            throw new ConfigException(problems.get(0).message());
        }
        routes = getList(SinkKeys.ROUTES).stream()
                .map(name -> parseRoute(name, properties))
                .toList();
    }

    /** Kafka splits a list at commas and drops outer blanks, which PostgreSQL allows in names: they are written as in URLs. */
    private static List<String> names(List<String> listed) {
        return listed.stream()
                .map(name -> name.replace("%20", " ").replace("%2C", ",").replace("%25", "%"))
                .toList();
    }

    static Route parseRoute(String name, Map<String, String> properties) {
        String prefix = SinkKeys.route(name, "");
        Map<String, String> own = new HashMap<>();
        properties.forEach((key, value) -> {
            if (key.startsWith(prefix)) {
                own.put(key.substring(prefix.length()), value);
            }
        });
        AbstractConfig options = new AbstractConfig(SinkKeys.ROUTE_CONFIG_DEF, own, false);
        return new Route(
                name,
                options.getString(SinkKeys.ROUTE_TOPIC),
                names(options.getList(SinkKeys.ROUTE_COLUMNS)),
                Optional.of(options.getString(SinkKeys.ROUTE_SQL)).filter(sql -> !sql.isBlank()));
    }

    public String pipeline() {
        return getString(SinkKeys.PIPELINE);
    }

    public String index() {
        return getString(SinkKeys.INDEX);
    }

    public List<String> keyColumns() {
        return names(getList(SinkKeys.KEY_COLUMNS));
    }

    public List<Route> routes() {
        return routes;
    }

    /** The statement stored under one of the {@code sql.…} keys. */
    public String sql(String key) {
        return getString(key);
    }

    public String refreshTopic() {
        return getString(SinkKeys.REFRESH_TOPIC);
    }

    public String refreshLaterTopic() {
        return getString(SinkKeys.REFRESH_LATER_TOPIC);
    }

    public Duration refreshLaterDelay() {
        return millis(SinkKeys.REFRESH_LATER_DELAY_MS);
    }

    public int pageRoots() {
        return getInt(SinkKeys.REFRESH_PAGE_ROOTS);
    }

    public int spreadRoots() {
        return getInt(SinkKeys.REFRESH_SPREAD_ROOTS);
    }

    /** Settings of Kafka's producer, under Kafka's own names. */
    public Map<String, Object> kafkaProperties() {
        return originalsWithPrefix(SinkKeys.KAFKA_PREFIX);
    }

    public String postgresUrl() {
        return getString(SinkKeys.POSTGRES_URL);
    }

    public String postgresUser() {
        return getString(SinkKeys.POSTGRES_USER);
    }

    public Password postgresPassword() {
        return getPassword(SinkKeys.POSTGRES_PASSWORD);
    }

    public List<URI> elasticsearchUrls() {
        return getList(SinkKeys.ELASTICSEARCH_URLS).stream().map(URI::create).toList();
    }

    public Optional<String> elasticsearchUser() {
        return text(SinkKeys.ELASTICSEARCH_USER);
    }

    public Password elasticsearchPassword() {
        return getPassword(SinkKeys.ELASTICSEARCH_PASSWORD);
    }

    public Optional<Password> elasticsearchApiKey() {
        return secret(SinkKeys.ELASTICSEARCH_API_KEY);
    }

    public Optional<Password> elasticsearchToken() {
        return secret(SinkKeys.ELASTICSEARCH_TOKEN);
    }

    public Optional<String> elasticsearchCaCertificate() {
        return text(SinkKeys.ELASTICSEARCH_CA_CERTIFICATE);
    }

    public Optional<String> elasticsearchClientCertificate() {
        return text(SinkKeys.ELASTICSEARCH_CLIENT_CERTIFICATE);
    }

    private Optional<Password> secret(String key) {
        return Optional.of(getPassword(key)).filter(secret -> !secret.value().isEmpty());
    }

    private Optional<String> text(String key) {
        return Optional.of(getString(key)).filter(text -> !text.isEmpty());
    }

    public int batchRoots() {
        return getInt(SinkKeys.BATCH_ROOTS);
    }

    public int bulkMaxBytes() {
        return getInt(SinkKeys.BULK_MAX_BYTES);
    }

    public int bulkFlights() {
        return getInt(SinkKeys.BULK_FLIGHTS);
    }

    public int documentMaxBytes() {
        return getInt(SinkKeys.DOCUMENT_MAX_BYTES);
    }

    public Duration bulkTimeout() {
        return millis(SinkKeys.BULK_TIMEOUT_MS);
    }

    public Duration requestTimeout() {
        return millis(SinkKeys.REQUEST_TIMEOUT_MS);
    }

    public Duration deadline() {
        return millis(SinkKeys.DEADLINE_MS);
    }

    public Duration visibilityPatience() {
        return millis(SinkKeys.VISIBILITY_PATIENCE_MS);
    }

    public Duration retryInitial() {
        return millis(SinkKeys.RETRY_INITIAL_MS);
    }

    public Duration retryMax() {
        return millis(SinkKeys.RETRY_MAX_MS);
    }

    private Duration millis(String key) {
        return Duration.ofMillis(getLong(key));
    }
}
