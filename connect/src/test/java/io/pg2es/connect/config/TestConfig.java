package io.pg2es.connect.config;

import io.pg2es.connect.ElasticsearchSinkConnector;
import io.pg2es.connect.metrics.SinkMetrics;
import java.util.HashMap;
import java.util.Map;

/** A config that is right, to be made wrong in one place. */
public final class TestConfig {
    private TestConfig() {}

    public static Map<String, String> properties() {
        Map<String, String> properties = new HashMap<>();
        properties.put("name", "pg2es-sink-orders-000001");
        properties.put("connector.class", ElasticsearchSinkConnector.class.getName());
        properties.put("topics", "shop.public.orders,shop.public.items,shop.orders-refresh,shop.orders-refresh-later");
        properties.put("pipeline", "orders");
        properties.put("index", "orders-000001");
        properties.put("key.columns", "id");
        properties.put("postgres.url", "jdbc:postgresql://db:5432/shop");
        properties.put("postgres.user", "pg2es");
        properties.put("postgres.password", "not to be seen");
        properties.put("elasticsearch.urls", "http://es:9200");
        properties.put("sql.session", "SET TimeZone = 'UTC'");
        properties.put("sql.identity", "SELECT '1', 1, false");
        properties.put("sql.fence", "SELECT true");
        properties.put("sql.visible", "SELECT true");
        properties.put("sql.transaction.status", "SELECT 'committed'");
        properties.put("sql.version", "SELECT 1");
        properties.put("sql.documents", "SELECT 'id', 'action', 'source'");
        properties.put("sql.flush", "SELECT 1");
        properties.put("sql.roots", "SELECT id FROM orders");
        properties.put("sql.rootless", "SELECT id FROM unnest($1) id");
        properties.put("refresh.topic", "shop.orders-refresh");
        properties.put("refresh.later.topic", "shop.orders-refresh-later");
        properties.put("kafka.bootstrap.servers", "kafka:9092");
        properties.put("routes", "root,items");
        properties.put("route.root.topic", "shop.public.orders");
        properties.put("route.root.columns", "id");
        properties.put("route.items.topic", "shop.public.items");
        properties.put("route.items.columns", "item_id,order_id");
        properties.put("route.items.sql", "SELECT order_id FROM changed");
        return properties;
    }

    public static Map<String, String> with(String... keysAndValues) {
        Map<String, String> properties = properties();
        for (int at = 0; at < keysAndValues.length; at += 2) {
            if (keysAndValues[at + 1] == null) {
                properties.remove(keysAndValues[at]);
            } else {
                properties.put(keysAndValues[at], keysAndValues[at + 1]);
            }
        }
        return properties;
    }

    public static SinkConfig config(String... keysAndValues) {
        return new SinkConfig(with(keysAndValues));
    }

    public static SinkMetrics metrics() {
        return new SinkMetrics("orders", "orders-000001", "0");
    }
}
