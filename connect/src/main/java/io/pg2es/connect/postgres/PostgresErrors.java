package io.pg2es.connect.postgres;

import java.sql.SQLException;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.connect.errors.ConnectException;

/** Tells PostgreSQL's passing failures from those that somebody must mend. */
final class PostgresErrors {
    static final String INVALID_PARAMETER_VALUE = "22023";
    private static final String QUERY_CANCELED = "57014";
    private static final String DATA_EXCEPTION = "22";
    /**
     * Classes of SQLSTATE that the values of single rows bring about: data, cardinality and constraints of domains, RAISE,
     * limits of the program, and internal errors, which functions of extensions raise for values that they cannot take.
     */
    private static final Set<String> ROW_CLASSES = Set.of(DATA_EXCEPTION, "21", "23", "54", "P0", "XX");

    /** What mends errors that have nothing to do with the SQL, by SQLSTATE or its class. */
    private static final Map<String, String> REMEDIES = Map.of(
            "42501", "Grant the right to postgres.user; `pg2es validate --connect` says how.",
            "28", "Mend postgres.user, postgres.password or pg_hba.conf.",
            "3D", "Mend the database's name in postgres.url.",
            "26", "The session lost its prepared statements: connect without a pooler in transaction mode.");

    private static final String SQL_REMEDY =
            "Mend the pipeline's SQL or the tables it reads, check with `pg2es validate --connect`, and deploy again.";
    /** Classes of SQLSTATE that no waiting mends. */
    private static final Set<String> PERMANENT_CLASSES =
            Set.of("0A", "20", "21", "22", "23", "26", "28", "2F", "38", "39", "3B", "3D", "3F", "42", "44", "P0");

    private static final Pattern LINE_BREAK = Pattern.compile("\\s*\\R\\s*");

    private final String pipeline;

    PostgresErrors(String pipeline) {
        this.pipeline = pipeline;
    }

    /**
     * @param label what failed: a config key, or words
     * @return the passing failure, to be thrown
     * @throws ConnectException when the failure does not pass by itself; it has no cause, so that its own sentence is
     *     the last word of the task's trace
     */
    PostgresFailure translate(String label, SQLException error) {
        if (isPermanent(error.getSQLState())) {
            throw new ConnectException(describe(label, error) + " " + remedy(error.getSQLState()));
        }
        return new PostgresFailure(describe(label, error), error);
    }

    static boolean isPermanent(String state) {
        return state != null && PERMANENT_CLASSES.contains(classOf(state));
    }

    /** Whether a value is none of its type: the values are wrong, not the SQL. */
    static boolean isDataError(SQLException error) {
        return error.getSQLState() != null && classOf(error.getSQLState()).equals(DATA_EXCEPTION);
    }

    /** Whether single rows may be the cause, and others be read without them. */
    static boolean isRowError(SQLException error) {
        return error.getSQLState() != null && ROW_CLASSES.contains(classOf(error.getSQLState()));
    }

    /** Whether a statement took longer than the session lets it. */
    static boolean isTooSlow(SQLException error) {
        return QUERY_CANCELED.equals(error.getSQLState());
    }

    /** PostgreSQL's words, in one line. */
    static String words(SQLException error) {
        return LINE_BREAK.matcher(error.getMessage().strip()).replaceAll("; ");
    }

    private String describe(String label, SQLException error) {
        return String.format("Pipeline %s: %s failed in PostgreSQL: %s.", pipeline, label, withState(error));
    }

    /** PostgreSQL's words with the SQLSTATE. */
    static String withState(SQLException error) {
        return String.format("%s (SQLSTATE %s)", words(error), error.getSQLState());
    }

    private static String remedy(String state) {
        return REMEDIES.getOrDefault(state, REMEDIES.getOrDefault(classOf(state), SQL_REMEDY));
    }

    private static String classOf(String state) {
        return state.length() < 2 ? "" : state.substring(0, 2);
    }
}
