package io.pg2es.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.TestConfig;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigTest {
    private static final String REFRESH = "shop.orders-refresh,shop.orders-refresh-later";

    private final ElasticsearchSinkConnector connector = new ElasticsearchSinkConnector();

    @Test
    void aGoodConfigHasNoErrorsAndItsValues() {
        assertThat(errors(TestConfig.properties())).isEmpty();
        SinkConfig config = TestConfig.config();
        assertThat(config.routes())
                .extracting(Route::name, Route::topic, Route::columns)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("root", "shop.public.orders", List.of("id")),
                        org.assertj.core.groups.Tuple.tuple(
                                "items", "shop.public.items", List.of("item_id", "order_id")));
        assertThat(config.routes().get(0).sql()).isEmpty();
        assertThat(config.routes().get(1).sql()).contains("SELECT order_id FROM changed");
        assertThat(config.deadline()).hasMinutes(10);
        assertThat(config.bulkMaxBytes()).isEqualTo(8 * 1024 * 1024);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "index | Orders | lower case",
                "index | -orders | not starting with",
                "index | a,b | without",
                "postgres.url | postgresql://db | jdbc:postgresql:",
                "postgres.url | jdbc:postgresql://db/shop?password=x | without a password",
                "elasticsearch.urls | es:9200 | http://host:port",
                "elasticsearch.urls | http://a:1/x,http://b:1/y | the same path",
                "elasticsearch.urls | http://user:pw@a:1 | http://host:port",
                "elasticsearch.ca.certificate | /no/such/file | can read",
                "key.columns | '' | one name or more",
                "pipeline | ' ' | some text",
                "sql.documents | '' | some text",
                "batch.roots | 0 | from 1 to 100000",
                "batch.roots | many | Not a number",
                "routes | root,root | none twice",
                "deadline.ms | 40000 | at least twice request.timeout.ms",
                "retry.initial.ms | 20000 | must not be more than retry.max.ms",
                "bulk.timeout.ms | 40000 | must not be more than request.timeout.ms",
                "elasticsearch.password | x | go together",
                "topics.regex | shop.* | List the topics",
                "refresh.topic | shop.public.orders | needs a topic of its own",
                "refresh.later.topic | shop.orders-refresh | needs a topic of its own",
                "refresh.topic | elsewhere | topics does not list the refresh topics [elsewhere]",
                "refresh.later.delay.ms | 600000 | must be more than deadline.ms (600000)",
                "refresh.pages | 5 | Unknown option refresh.pages",
                "kafka.bootstrap.servers | '' | some text",
                "batch.size | 5 | Unknown option batch.size. Known are [batch.roots]",
                "route.item.topic | x | Unknown option route.item.topic",
                "route.items.column | x | Unknown option route.items.column",
                "postgres.password | ${env:NOT_HERE} | found nothing for ${env:NOT_HERE} in postgres.password",
                "kafka.sasl.jaas.config | a b=\"${file:/x:not here}\"; | found nothing for ${file:/x:not here}",
            })
    void aWrongValueIsToldAtItsOption(String key, String value, String expected) {
        assertThat(errors(TestConfig.with(key, value)).get(key))
                .as("errors of %s", key)
                .anySatisfy(error -> assertThat(error).contains(expected));
    }

    @Test
    void topicsAndRoutesFit() {
        assertThat(errors(TestConfig.with("topics", "shop.public.orders," + REFRESH))
                        .get("routes"))
                .containsExactly("Routes read [shop.public.items], which topics does not list. Add it to topics.");
        assertThat(errors(TestConfig.with("topics", "shop.public.orders, shop.public.items, other, " + REFRESH))
                        .get("routes"))
                .containsExactly("No route for [other]. Add a route for each, or take it out of topics.");
    }

    @Test
    void aRouteWithoutItsOptionsIsToldAtRoutes() {
        assertThat(errors(TestConfig.with("route.root.columns", null)).get("routes"))
                .anySatisfy(error -> assertThat(error).contains("Route root").contains("columns"));
        assertThat(errors(TestConfig.with("route.items.sql", null)).get("routes"))
                .containsExactly(
                        "Route items has no sql, so its columns [item_id, order_id] must be the root's key, but "
                                + "key.columns has 1 columns: [id].");
    }

    @Test
    void everyNameOfAColumnSurvivesAList() {
        SinkConfig config = TestConfig.config(
                "key.columns", "a%2Cb,%20c%20,100%25,%252C", "route.root.columns", "a%2Cb,%20c%20,100%25,%252C");
        assertThat(config.keyColumns()).containsExactly("a,b", " c ", "100%", "%2C");
        assertThat(config.routes().get(0).columns()).isEqualTo(config.keyColumns());
    }

    @Test
    void whatLooksLikeAReferenceInSqlIsSql() {
        assertThat(errors(TestConfig.with("route.items.sql", "SELECT id FROM changed WHERE note = '${env:x}'")))
                .isEmpty();
    }

    @Test
    void noRecordIsLostForWantOfATopic() {
        String topic = "errors.deadletterqueue.topic.name";
        assertThat(errors(TestConfig.with("errors.tolerance", "all", "errors.log.enable", "true"))
                        .get(topic))
                .anySatisfy(error -> assertThat(error).contains("would be lost"));
        assertThat(errors(TestConfig.with("errors.tolerance", "all", topic, "shop.dead-letters")))
                .isEmpty();
        assertThat(errors(TestConfig.with("errors.tolerance", "none", "errors.log.enable", "true")))
                .isEmpty();
    }

    @Test
    void aSlashAtTheEndOfAUrlIsNoPath() {
        assertThat(errors(TestConfig.with("elasticsearch.urls", "http://a:1/,http://b:1")))
                .isEmpty();
    }

    @Test
    void requiredOptionsAreAsked() {
        assertThat(errors(TestConfig.with("pipeline", null)).get("pipeline"))
                .anySatisfy(error -> assertThat(error).contains("Missing required"));
    }

    @Test
    void twoKindsOfCredentialsAreOneTooMany() {
        Map<String, String> both =
                TestConfig.with("elasticsearch.user", "u", "elasticsearch.password", "p", "elasticsearch.api.key", "k");
        assertThat(errors(both).get("elasticsearch.api.key"))
                .anySatisfy(error -> assertThat(error).contains("one login"));
    }

    @Test
    void optionsOfKafkaConnectAreItsOwn() {
        assertThat(errors(TestConfig.with(
                        "errors.tolerance",
                        "none",
                        "key.converter",
                        "x",
                        "consumer.override.max.poll.records",
                        "2000")))
                .isEmpty();
    }

    @Test
    void kafkasOwnSettingsGoToTheProducer() {
        Map<String, String> properties = TestConfig.with("kafka.security.protocol", "SASL_SSL");
        assertThat(errors(properties)).isEmpty();
        assertThat(new SinkConfig(properties).kafkaProperties())
                .containsOnly(Map.entry("bootstrap.servers", "kafka:9092"), Map.entry("security.protocol", "SASL_SSL"));
    }

    @Test
    void aTaskRefusesWhatValidationWouldRefuse() {
        assertThatThrownBy(() -> TestConfig.config("topics", "shop.public.orders," + REFRESH))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("Routes read");
    }

    // Were toString() ever to tell more than the identity, it must not be passwords.
    @SuppressWarnings("ObjectToString")
    @Test
    void passwordsStayOutOfTexts() {
        SinkConfig config = TestConfig.config();
        assertThat(config.values().toString() + config).doesNotContain("not to be seen");
    }

    @Test
    void eachTaskGetsItsNumber() {
        connector.start(TestConfig.properties());
        assertThat(connector.taskConfigs(2))
                .extracting(config -> config.get(ElasticsearchSinkTask.TASK_NUMBER))
                .containsExactly("0", "1");
    }

    private Map<String, List<String>> errors(Map<String, String> properties) {
        return connector.validate(properties).configValues().stream()
                .filter(value -> !value.errorMessages().isEmpty())
                .collect(Collectors.toMap(ConfigValue::name, ConfigValue::errorMessages));
    }
}
