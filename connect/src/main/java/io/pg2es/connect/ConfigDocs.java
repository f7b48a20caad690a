package io.pg2es.connect;

import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.config.Validators;
import io.pg2es.connect.metrics.Metric;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;

/**
 * Writes docs/sink.md: {@code mvn -q -f connect/pom.xml compile exec:java}.
 *
 * <p>The words around the tables are in sink.md of the resources; options and metrics come from the code.
 */
public final class ConfigDocs {
    private static final String TEMPLATE = "sink.md";

    private ConfigDocs() {}

    public static void main(String[] arguments) throws IOException {
        Files.writeString(Path.of(arguments[0]), markdown());
    }

    static String markdown() {
        return template().replace("{{options}}", options()).replace("{{metrics}}", metrics());
    }

    private static String template() {
        try (InputStream file = ConfigDocs.class.getResourceAsStream(TEMPLATE)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String options() {
        Map<String, StringBuilder> groups = new LinkedHashMap<>();
        addOptions(SinkKeys.CONFIG_DEF, "", groups);
        addOptions(SinkKeys.ROUTE_CONFIG_DEF, SinkKeys.route("<name>", ""), groups);
        StringBuilder text = new StringBuilder();
        groups.forEach((group, rows) -> text.append("### ")
                .append(group)
                .append("\n\n| option | type | default | meaning |\n|---|---|---|---|\n")
                .append(rows)
                .append('\n'));
        return text.toString().stripTrailing();
    }

    private static void addOptions(ConfigDef definition, String prefix, Map<String, StringBuilder> groups) {
        for (ConfigKey key : definition.configKeys().values()) {
            groups.computeIfAbsent(key.group, group -> new StringBuilder())
                    .append(String.format(
                            "| `%s%s` | %s | %s | %s |%n",
                            prefix,
                            key.name,
                            key.type.name().toLowerCase(Locale.ROOT),
                            defaultOf(key),
                            meaningOf(key).replace("|", "\\|")));
        }
    }

    private static String defaultOf(ConfigKey key) {
        if (!key.hasDefault()) {
            return "required";
        }
        String value = ConfigDef.convertToString(key.defaultValue, key.type);
        return key.type == ConfigDef.Type.PASSWORD || value.isEmpty() ? "none" : "`" + value + "`";
    }

    private static String meaningOf(ConfigKey key) {
        return key.validator == null || key.validator == Validators.TEXT
                ? key.documentation
                : key.documentation + " Allowed: " + key.validator + ".";
    }

    private static String metrics() {
        StringBuilder rows = new StringBuilder("| attribute | meaning |\n|---|---|\n");
        for (Metric metric : Metric.values()) {
            rows.append(String.format("| `%s` | %s |%n", metric.attribute(), metric.description()));
        }
        return rows.toString().stripTrailing();
    }
}
