package io.pg2es.connect;

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
        types.add("bigint");
        return new PreparedSql(SinkKeys.SQL_DOCUMENTS, "pg2es_documents", types, config.sql(SinkKeys.SQL_DOCUMENTS));
    }

    static PreparedSql lookup(Route route, int ordinal) {
        return new PreparedSql(
                SinkKeys.route(route.name(), SinkKeys.ROUTE_SQL),
                "pg2es_route_" + ordinal,
                texts(route.columns().size()),
                route.sql().orElseThrow());
    }

    /** The same lookup for so many roots that it reads them in its own time; there it pays to return each only once. */
    static PreparedSql distinctLookup(Route route, int ordinal) {
        PreparedSql lookup = lookup(route, ordinal);
        return new PreparedSql(
                lookup.label(),
                "pg2es_spread_" + ordinal,
                lookup.types(),
                "SELECT DISTINCT * FROM (\n" + lookup.sql() + "\n) roots");
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
