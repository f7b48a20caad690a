package io.pg2es.connect.config;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;

/** Checks that need more than one option: routes against topics and key, one limit against another. */
public final class ConfigChecks {
    /** First parts of option names that Kafka Connect does not use itself, so that an unknown one is a slip. */
    private static final Set<String> FAMILIES =
            Set.of("postgres.", "elasticsearch.", "sql.", "batch.", "bulk.", "retry.", "refresh.");

    /** What the files name values from outside by. */
    private static final Pattern REFERENCE = Pattern.compile("\\$\\{(env|file):[^}]*}");

    private static final String TOLERANCE = "errors.tolerance";
    private static final String DEAD_LETTER_TOPIC = "errors.deadletterqueue.topic.name";
    private static final String TOPICS = "topics";
    private static final String TOPICS_REGEX = "topics.regex";

    /** What is wrong, and with which option. */
    public record Problem(String key, String message) {}

    private final Map<String, String> properties;
    private final Map<String, Object> values;
    private final List<Problem> problems = new ArrayList<>();

    private ConfigChecks(Map<String, String> properties) {
        this.properties = properties;
        // An option that is wrong by itself has no usable value here, and has its own message already.
        this.values = SinkKeys.CONFIG_DEF.validate(properties).stream()
                .filter(value -> value.errorMessages().isEmpty() && value.value() != null)
                .collect(Collectors.toMap(ConfigValue::name, ConfigValue::value));
    }

    /** What is wrong with the options taken together; what is wrong with one alone is left out. */
    public static List<Problem> problems(Map<String, String> properties) {
        ConfigChecks checks = new ConfigChecks(properties);
        checks.checkReferences();
        checks.checkUnknownOptions();
        checks.checkRoutes();
        checks.checkCredentials();
        checks.checkLimits();
        checks.checkDeadLetters();
        return checks.problems;
    }

    /** A worker leaves a reference to nothing as it stands, and it would become a name or a password. */
    private void checkReferences() {
        properties.forEach((key, value) -> {
            Matcher reference = REFERENCE.matcher(value == null ? "" : value);
            if (!isSql(key) && reference.find()) {
                add(
                        key,
                        "A worker found nothing for %s in %s. Give each worker the variable or the file, let its "
                                + "config.providers read it, and start it again.",
                        reference.group(),
                        key);
            }
        });
    }

    private static boolean isSql(String key) {
        return key.startsWith("sql.") || key.endsWith(".sql");
    }

    private void checkUnknownOptions() {
        for (String key : properties.keySet()) {
            String family = key.substring(0, key.indexOf('.') + 1);
            if (FAMILIES.contains(family) && !SinkKeys.CONFIG_DEF.names().contains(key)) {
                Set<String> known = SinkKeys.CONFIG_DEF.names().stream()
                        .filter(name -> name.startsWith(family))
                        .collect(Collectors.toCollection(TreeSet::new));
                add(key, "Unknown option %s. Known are %s.", key, known);
            }
        }
    }

    private void checkRoutes() {
        if (!(values.get(SinkKeys.ROUTES) instanceof List<?> names)) {
            return;
        }
        checkRouteOptions(names);
        Set<String> routed = new TreeSet<>();
        for (Object name : names) {
            try {
                Route route = SinkConfig.parseRoute(name.toString(), properties);
                routed.add(route.topic());
                checkKeyOf(route);
            } catch (ConfigException e) {
                add(SinkKeys.ROUTES, "Route %s: %s", name, e.getMessage());
                return;
            }
        }
        checkTopics(routed, checkRefreshTopics(routed));
    }

    /** The refresh topics; what the changes of a table come in is neither of them. */
    private Set<String> checkRefreshTopics(Set<String> routed) {
        Set<String> topics = new TreeSet<>();
        for (String key : List.of(SinkKeys.REFRESH_TOPIC, SinkKeys.REFRESH_LATER_TOPIC)) {
            if (values.get(key) instanceof String topic && (routed.contains(topic) || !topics.add(topic))) {
                add(key, "%s needs a topic of its own, and %s is another's.", key, topic);
            }
        }
        return topics;
    }

    private void checkRouteOptions(List<?> names) {
        Set<String> known = new TreeSet<>();
        for (Object name : names) {
            SinkKeys.ROUTE_CONFIG_DEF.names().forEach(option -> known.add(SinkKeys.route(name.toString(), option)));
        }
        for (String key : properties.keySet()) {
            if (key.startsWith(SinkKeys.ROUTE_PREFIX) && !known.contains(key)) {
                add(key, "Unknown option %s. With these routes, known are %s.", key, known);
            }
        }
    }

    private void checkKeyOf(Route route) {
        if (route.sql().isEmpty()
                && values.get(SinkKeys.KEY_COLUMNS) instanceof List<?> key
                && key.size() != route.columns().size()) {
            add(
                    SinkKeys.ROUTES,
                    "Route %s has no sql, so its columns %s must be the root's key, but %s has %d columns: %s.",
                    route.name(),
                    route.columns(),
                    SinkKeys.KEY_COLUMNS,
                    key.size(),
                    key);
        }
    }

    private void checkTopics(Set<String> routed, Set<String> refresh) {
        if (properties.getOrDefault(TOPICS_REGEX, "").length() > 0) {
            add(TOPICS_REGEX, "Not allowed: a topic without a route would be lost. List the topics in topics.");
            return;
        }
        Set<String> topics = Arrays.stream(properties.getOrDefault(TOPICS, "").split(","))
                .map(String::trim)
                .filter(topic -> !topic.isEmpty())
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> without = difference(difference(topics, routed), refresh);
        if (!without.isEmpty()) {
            add(SinkKeys.ROUTES, "No route for %s. Add a route for each, or take it out of topics.", without);
        }
        Set<String> unread = difference(routed, topics);
        if (!unread.isEmpty()) {
            add(SinkKeys.ROUTES, "Routes read %s, which topics does not list. Add it to topics.", unread);
        }
        Set<String> unheard = difference(refresh, topics);
        if (!unheard.isEmpty()) {
            add(SinkKeys.REFRESH_TOPIC, "topics does not list the refresh topics %s. Add them to topics.", unheard);
        }
    }

    private void checkCredentials() {
        boolean user = isSet(SinkKeys.ELASTICSEARCH_USER);
        long logins = Stream.of(
                        SinkKeys.ELASTICSEARCH_USER, SinkKeys.ELASTICSEARCH_API_KEY, SinkKeys.ELASTICSEARCH_TOKEN)
                .filter(this::isSet)
                .count();
        if (logins > 1) {
            add(
                    SinkKeys.ELASTICSEARCH_API_KEY,
                    "Give %s and %s, or %s, or %s: one login.",
                    SinkKeys.ELASTICSEARCH_USER,
                    SinkKeys.ELASTICSEARCH_PASSWORD,
                    SinkKeys.ELASTICSEARCH_API_KEY,
                    SinkKeys.ELASTICSEARCH_TOKEN);
        }
        if (user != isSet(SinkKeys.ELASTICSEARCH_PASSWORD)) {
            add(
                    SinkKeys.ELASTICSEARCH_PASSWORD,
                    "%s and %s go together: give both or none.",
                    SinkKeys.ELASTICSEARCH_USER,
                    SinkKeys.ELASTICSEARCH_PASSWORD);
        }
    }

    private boolean isSet(String key) {
        return !properties.getOrDefault(key, "").isEmpty();
    }

    private void checkLimits() {
        checkOrder(SinkKeys.RETRY_INITIAL_MS, SinkKeys.RETRY_MAX_MS);
        checkOrder(SinkKeys.BULK_TIMEOUT_MS, SinkKeys.REQUEST_TIMEOUT_MS);
        // A late write of an older version may arrive until the deadline, and a delete is done again only after it.
        if (values.get(SinkKeys.DEADLINE_MS) instanceof Long deadline
                && values.get(SinkKeys.REFRESH_LATER_DELAY_MS) instanceof Long delay
                && delay <= deadline) {
            add(
                    SinkKeys.REFRESH_LATER_DELAY_MS,
                    "%s (%d) must be more than %s (%d).",
                    SinkKeys.REFRESH_LATER_DELAY_MS,
                    delay,
                    SinkKeys.DEADLINE_MS,
                    deadline);
        }
        // A request is sent only if its answer can still arrive before the deadline, so there must be room for the
        // read.
        if (values.get(SinkKeys.REQUEST_TIMEOUT_MS) instanceof Long request
                && values.get(SinkKeys.DEADLINE_MS) instanceof Long deadline
                && 2 * request > deadline) {
            add(
                    SinkKeys.DEADLINE_MS,
                    "%s (%d) must be at least twice %s (%d).",
                    SinkKeys.DEADLINE_MS,
                    deadline,
                    SinkKeys.REQUEST_TIMEOUT_MS,
                    request);
        }
    }

    private void checkOrder(String smaller, String larger) {
        if (values.get(smaller) instanceof Long small && values.get(larger) instanceof Long large && small > large) {
            add(smaller, "%s (%d) must not be more than %s (%d).", smaller, small, larger, large);
        }
    }

    /** Kafka Connect would write a record that cannot be used into the worker's log, at most, and go on behind it. */
    private void checkDeadLetters() {
        boolean tolerant = "all".equals(properties.get(TOLERANCE));
        if (tolerant && properties.getOrDefault(DEAD_LETTER_TOPIC, "").isBlank()) {
            add(
                    DEAD_LETTER_TOPIC,
                    "With %s=all and no %s, records that cannot be used would be lost. Name a topic, or set %s=none.",
                    TOLERANCE,
                    DEAD_LETTER_TOPIC,
                    TOLERANCE);
        }
    }

    private static Set<String> difference(Set<String> all, Set<String> without) {
        Set<String> rest = new TreeSet<>(all);
        rest.removeAll(without);
        return rest;
    }

    // The annotation that it asks for would be a dependency of the plugin, for one private method.
    @SuppressWarnings("AnnotateFormatMethod")
    private void add(String key, String message, Object... arguments) {
        problems.add(new Problem(key, String.format(message, arguments)));
    }
}
