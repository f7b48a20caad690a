package io.pg2es.connect.postgres;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A statement of the config with PostgreSQL's own parameters {@code $1}…, prepared by PREPARE and run by EXECUTE.
 *
 * <p>The driver's placeholders are of no use here: the SQL comes from users and may hold {@code ?} as an operator.
 *
 * @param label the config key, for messages
 * @param name the prepared statement's name in the session
 * @param types the parameters' types
 * @param sql the statement
 */
record PreparedSql(String label, String name, List<String> types, String sql) {

    static PreparedSql documents(SinkConfig config) {
        List<String> types = new ArrayList<>(texts(config.keyColumns().size()));
        types.addAll(Collections.nCopies(3, "bigint"));
        return new PreparedSql(SinkKeys.SQL_DOCUMENTS, "pg2es_documents", types, config.sql(SinkKeys.SQL_DOCUMENTS));
    }

    /** The first roots of a route; the last parameter says how many. EXECUTE reads to the end, whoever stops reading. */
    static PreparedSql lookup(Route route, int ordinal) {
        List<String> types = new ArrayList<>(texts(route.columns().size()));
        types.add("bigint");
        return new PreparedSql(
                lookupLabel(route),
                "pg2es_route_" + ordinal,
                types,
                "SELECT * FROM (\n" + route.sql().orElseThrow() + "\n) roots LIMIT $" + types.size());
    }

    /** All roots of a route, each once. */
    static PreparedSql wholeLookup(Route route, int ordinal) {
        return new PreparedSql(
                lookupLabel(route),
                "pg2es_whole_route_" + ordinal,
                texts(route.columns().size()),
                "SELECT DISTINCT * FROM (\n" + route.sql().orElseThrow() + "\n) roots");
    }

    private static String lookupLabel(Route route) {
        return SinkKeys.route(route.name(), SinkKeys.ROUTE_SQL);
    }

    static PreparedSql roots(SinkConfig config) {
        return new PreparedSql(SinkKeys.SQL_ROOTS, "pg2es_roots", List.of(), config.sql(SinkKeys.SQL_ROOTS));
    }

    static PreparedSql rootless(SinkConfig config) {
        return new PreparedSql(
                SinkKeys.SQL_ROOTLESS,
                "pg2es_rootless",
                texts(config.keyColumns().size()),
                config.sql(SinkKeys.SQL_ROOTLESS));
    }

    static PreparedSql fence(SinkConfig config) {
        return new PreparedSql(SinkKeys.SQL_FENCE, "pg2es_fence", List.of("text"), config.sql(SinkKeys.SQL_FENCE));
    }

    static PreparedSql visible(SinkConfig config) {
        return new PreparedSql(
                SinkKeys.SQL_VISIBLE, "pg2es_visible", List.of("bigint[]"), config.sql(SinkKeys.SQL_VISIBLE));
    }

    static PreparedSql transactionStatus(SinkConfig config) {
        return new PreparedSql(
                SinkKeys.SQL_TRANSACTION_STATUS,
                "pg2es_transaction_status",
                List.of("bigint"),
                config.sql(SinkKeys.SQL_TRANSACTION_STATUS));
    }

    private static List<String> texts(int count) {
        return Collections.nCopies(count, "text[]");
    }

    String prepare() {
        return "PREPARE " + name + parenthesized(types) + " AS\n" + sql;
    }

    String execute(String... literals) {
        return "EXECUTE " + name + parenthesized(List.of(literals));
    }

    /** PostgreSQL takes no empty parentheses. */
    private static String parenthesized(List<String> parts) {
        return parts.isEmpty() ? "" : " (" + String.join(", ", parts) + ")";
    }
}
