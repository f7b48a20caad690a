package io.pg2es.connect;

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
final class SinkConfig extends AbstractConfig {
    private final List<Route> routes;

    SinkConfig(Map<String, String> properties) {
        super(SinkKeys.CONFIG_DEF, properties, false);
        List<ConfigChecks.Problem> problems = ConfigChecks.problems(properties);
        if (!problems.isEmpty()) {
            throw new ConfigException(problems.get(0).message());
        }
        routes = getList(SinkKeys.ROUTES).stream()
                .map(name -> parseRoute(name, properties))
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
                List.copyOf(options.getList(SinkKeys.ROUTE_COLUMNS)),
                Optional.of(options.getString(SinkKeys.ROUTE_SQL)).filter(sql -> !sql.isBlank()));
    }

    String pipeline() {
        return getString(SinkKeys.PIPELINE);
    }

    String index() {
        return getString(SinkKeys.INDEX);
    }

    List<String> keyColumns() {
        return getList(SinkKeys.KEY_COLUMNS);
    }

    List<Route> routes() {
        return routes;
    }

    /** The statement stored under one of the {@code sql.…} keys. */
    String sql(String key) {
        return getString(key);
    }

    String refreshTopic() {
        return getString(SinkKeys.REFRESH_TOPIC);
    }

    String refreshLaterTopic() {
        return getString(SinkKeys.REFRESH_LATER_TOPIC);
    }

    Duration refreshLaterDelay() {
        return millis(SinkKeys.REFRESH_LATER_DELAY_MS);
    }

    int pageRoots() {
        return getInt(SinkKeys.REFRESH_PAGE_ROOTS);
    }

    int spreadRoots() {
        return getInt(SinkKeys.REFRESH_SPREAD_ROOTS);
    }

    /** Settings of Kafka's producer, under Kafka's own names. */
    Map<String, Object> kafkaProperties() {
        return originalsWithPrefix(SinkKeys.KAFKA_PREFIX);
    }

    String postgresUrl() {
        return getString(SinkKeys.POSTGRES_URL);
    }

    String postgresUser() {
        return getString(SinkKeys.POSTGRES_USER);
    }

    Password postgresPassword() {
        return getPassword(SinkKeys.POSTGRES_PASSWORD);
    }

    List<URI> elasticsearchUrls() {
        return getList(SinkKeys.ELASTICSEARCH_URLS).stream().map(URI::create).toList();
    }

    Optional<String> elasticsearchUser() {
        return Optional.of(getString(SinkKeys.ELASTICSEARCH_USER)).filter(user -> !user.isEmpty());
    }

    Password elasticsearchPassword() {
        return getPassword(SinkKeys.ELASTICSEARCH_PASSWORD);
    }

    Optional<Password> elasticsearchApiKey() {
        return Optional.of(getPassword(SinkKeys.ELASTICSEARCH_API_KEY))
                .filter(key -> !key.value().isEmpty());
    }

    Optional<String> elasticsearchCaCertificate() {
        return Optional.of(getString(SinkKeys.ELASTICSEARCH_CA_CERTIFICATE)).filter(path -> !path.isEmpty());
    }

    int batchRoots() {
        return getInt(SinkKeys.BATCH_ROOTS);
    }

    int bulkMaxBytes() {
        return getInt(SinkKeys.BULK_MAX_BYTES);
    }

    int documentMaxBytes() {
        return getInt(SinkKeys.DOCUMENT_MAX_BYTES);
    }

    Duration bulkTimeout() {
        return millis(SinkKeys.BULK_TIMEOUT_MS);
    }

    Duration requestTimeout() {
        return millis(SinkKeys.REQUEST_TIMEOUT_MS);
    }

    Duration deadline() {
        return millis(SinkKeys.DEADLINE_MS);
    }

    Duration visibilityPatience() {
        return millis(SinkKeys.VISIBILITY_PATIENCE_MS);
    }

    Duration retryInitial() {
        return millis(SinkKeys.RETRY_INITIAL_MS);
    }

    Duration retryMax() {
        return millis(SinkKeys.RETRY_MAX_MS);
    }

    private Duration millis(String key) {
        return Duration.ofMillis(getLong(key));
    }
}
