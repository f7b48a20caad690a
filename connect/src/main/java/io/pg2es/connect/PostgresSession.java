package io.pg2es.connect;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.connect.errors.ConnectException;
import org.postgresql.PGProperty;

/**
 * A session on the primary: the only place where SQL runs.
 *
 * <p>Whoever gets an exception closes the session and opens a new one, so no method tidies up after a failure.
 */
final class PostgresSession implements AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    /** Longest silence of the server; shorter than Kafka's max.poll.interval.ms, so that the task keeps its place. */
    private static final Duration SOCKET_TIMEOUT = Duration.ofSeconds(120);
    /** Documents brought over at once, so that a read that is too large is noticed before it fills the memory. */
    private static final int FETCH_DOCUMENTS = 100;

    private static final int FETCH_ROOTS = 10_000;
    private static final int VERSION_BITS = 56;

    private final SinkConfig config;
    private final PostgresErrors errors;
    private final Connection connection;
    private final SqlLiterals literals;
    private final PreparedSql documents;
    private final PreparedSql fence;
    private final PreparedSql visible;
    private final PreparedSql transactionStatus;
    private final PreparedSql roots;
    private final PreparedSql rootless;
    private final Map<Route, PreparedSql> lookups = new HashMap<>();
    private final Map<Route, PreparedSql> wholeLookups = new HashMap<>();

    private PostgresSession(SinkConfig config, PostgresErrors errors, Connection connection) throws SQLException {
        this.config = config;
        this.errors = errors;
        this.connection = connection;
        this.literals = new SqlLiterals(connection);
        this.documents = PreparedSql.documents(config);
        this.fence = PreparedSql.fence(config);
        this.visible = PreparedSql.visible(config);
        this.transactionStatus = PreparedSql.transactionStatus(config);
        this.roots = PreparedSql.roots(config);
        this.rootless = PreparedSql.rootless(config);
        for (Route route : config.routes()) {
            if (route.sql().isPresent()) {
                wholeLookups.put(route, PreparedSql.wholeLookup(route, lookups.size()));
                lookups.put(route, PreparedSql.lookup(route, lookups.size()));
            }
        }
    }

    /** Connects and sets the session up. Nothing is prepared yet: {@link #identity()} comes first. */
    static PostgresSession open(SinkConfig config) throws TransientFailure {
        PostgresErrors errors = new PostgresErrors(config.pipeline());
        PostgresSession session;
        try {
            session = new PostgresSession(
                    config, errors, DriverManager.getConnection(config.postgresUrl(), properties(config)));
        } catch (SQLException e) {
            throw errors.translate("connecting", e);
        }
        try {
            session.execute(SinkKeys.SQL_SESSION, config.sql(SinkKeys.SQL_SESSION));
            return session;
        } catch (TransientFailure | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    private static Properties properties(SinkConfig config) {
        Properties properties = new Properties();
        PGProperty.USER.set(properties, config.postgresUser());
        PGProperty.PASSWORD.set(properties, config.postgresPassword().value());
        PGProperty.APPLICATION_NAME.set(properties, "pg2es sink " + config.index());
        PGProperty.TCP_KEEP_ALIVE.set(properties, true);
        PGProperty.CONNECT_TIMEOUT.set(properties, (int) CONNECT_TIMEOUT.toSeconds());
        PGProperty.LOGIN_TIMEOUT.set(properties, (int) CONNECT_TIMEOUT.toSeconds());
        PGProperty.SOCKET_TIMEOUT.set(properties, (int) SOCKET_TIMEOUT.toSeconds());
        return properties;
    }

    Identity identity() throws TransientFailure {
        return run(SinkKeys.SQL_IDENTITY, statement -> {
            ResultSet row = firstRow(statement, config.sql(SinkKeys.SQL_IDENTITY));
            return new Identity(row.getString(1), row.getInt(2), row.getBoolean(3));
        });
    }

    /** Prepares every statement of the config, so that a broken one is found before the first event. */
    void prepare() throws TransientFailure {
        List<PreparedSql> all = new ArrayList<>(List.of(documents, fence, visible, transactionStatus, roots, rootless));
        all.addAll(lookups.values());
        all.addAll(wholeLookups.values());
        for (PreparedSql sql : all) {
            execute(sql.label(), sql.prepare());
        }
    }

    /** Whether every transaction that was running when the fence was set has ended. */
    boolean isFencePassed(String fenceId) throws TransientFailure {
        return run(
                fence.label(),
                statement -> firstRow(statement, fence.execute(literals.text(fenceId)))
                        .getBoolean(1));
    }

    /** Whether a statement started now sees what all these transactions did. */
    boolean areVisible(Collection<Long> transactions) throws TransientFailure {
        return run(
                visible.label(),
                statement -> firstRow(statement, visible.execute(literals.bigints(transactions)))
                        .getBoolean(1));
    }

    /** Whether it makes sense to wait for a transaction: PostgreSQL knows it, and it was not rolled back. */
    boolean mayBecomeVisible(long transaction) throws TransientFailure {
        return run(transactionStatus.label(), statement -> {
            try {
                String status = firstRow(statement, transactionStatus.execute(Long.toString(transaction)))
                        .getString(1);
                return "committed".equals(status) || "in progress".equals(status);
            } catch (SQLException e) {
                // An id in the future: a very old event, or one of a timeline that is lost.
                if (PostgresErrors.INVALID_PARAMETER_VALUE.equals(e.getSQLState())) {
                    return false;
                }
                throw e;
            }
        });
    }

    /**
     * Roots that the route's tuples lead to now.
     *
     * @param most how many rows are read
     * @return the roots; empty when there are more rows
     */
    Optional<Set<RootKey>> lookUp(Route route, Collection<List<String>> tuples, int most) throws TransientFailure {
        PreparedSql lookup = lookups.get(route);
        return run(lookup.label(), statement -> {
            List<String> arguments = new ArrayList<>(List.of(tupleLiterals(route, tuples)));
            arguments.add(Long.toString(most + 1L));
            Set<RootKey> found = new LinkedHashSet<>();
            long rows = stream(statement, lookup.execute(arguments.toArray(new String[0])), found::add);
            return rows > most ? Optional.<Set<RootKey>>empty() : Optional.of(found);
        });
    }

    /** Gives every root that the route's tuples lead to now, each once, however many they are. */
    void streamLookUp(Route route, Collection<List<String>> tuples, RootReceiver receiver) throws TransientFailure {
        PreparedSql lookup = wholeLookups.get(route);
        run(lookup.label(), statement -> stream(statement, lookup.execute(tupleLiterals(route, tuples)), receiver));
    }

    /** Gives every root that there is. */
    void streamRoots(RootReceiver receiver) throws TransientFailure {
        // Not by EXECUTE, which would put the keys of the whole table aside before it gives the first.
        run(roots.label(), statement -> stream(statement, roots.sql(), receiver));
    }

    /** Which of the keys no root has; or, in PostgreSQL's words, why one of them can be no key. */
    Rootless findRootless(Collection<RootKey> keys) throws TransientFailure {
        return run(rootless.label(), statement -> {
            List<RootKey> found = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery(rootless.execute(keyLiterals(keys)))) {
                while (rows.next()) {
                    rootKey(rows).ifPresent(found::add);
                }
                return new Rootless(found, Optional.empty());
            } catch (SQLException e) {
                if (PostgresErrors.isDataError(e)) {
                    return new Rootless(List.of(), Optional.of(PostgresErrors.words(e)));
                }
                throw e;
            }
        });
    }

    /** Keys that no root has, as PostgreSQL writes them; with a problem, nothing is known of any of them. */
    record Rootless(List<RootKey> keys, Optional<String> problem) {}

    /** Takes roots that are read. */
    interface RootReceiver {
        void take(RootKey root) throws TransientFailure;
    }

    /** Reads roots with a cursor; returns how many rows there were. */
    private long stream(Statement statement, String sql, RootReceiver receiver) throws SQLException, TransientFailure {
        connection.setAutoCommit(false);
        statement.setFetchSize(FETCH_ROOTS);
        long count = 0;
        try (ResultSet rows = statement.executeQuery(sql)) {
            for (; rows.next(); count++) {
                Optional<RootKey> root = rootKey(rows);
                if (root.isPresent()) {
                    receiver.take(root.get());
                }
            }
        }
        connection.setAutoCommit(true);
        return count;
    }

    private String[] tupleLiterals(Route route, Collection<List<String>> tuples) throws SQLException {
        return literals.columns(List.copyOf(tuples), route.columns().size());
    }

    private String[] keyLiterals(Collection<RootKey> keys) throws SQLException {
        return literals.columns(
                keys.stream().map(RootKey::columns).toList(),
                config.keyColumns().size());
    }

    private Optional<RootKey> rootKey(ResultSet row) throws SQLException {
        String[] columns = new String[config.keyColumns().size()];
        for (int column = 0; column < columns.length; column++) {
            columns[column] = row.getString(column + 1);
            if (columns[column] == null) {
                return Optional.empty();
            }
        }
        return Optional.of(new RootKey(List.of(columns)));
    }

    /**
     * Reads the roots' documents: steps 2 to 4 of the refresh.
     *
     * @param epoch the generation's epoch, the upper bits of the version
     * @param maxBytes how much may be read, unless it is a single root
     * @return the documents; empty when they are more than that
     */
    Optional<Reading> read(List<RootKey> roots, int epoch, long maxBytes) throws TransientFailure {
        TimeLimit deadline = TimeLimit.in(config.deadline());
        long version = run(SinkKeys.SQL_VERSION, statement -> {
            connection.setAutoCommit(false);
            return takeVersion(statement, epoch);
        });
        Optional<List<Document>> read =
                run(documents.label(), statement -> readDocuments(statement, roots, version, maxBytes));
        run(SinkKeys.SQL_FLUSH, statement -> {
            if (read.isPresent()) {
                statement.execute(config.sql(SinkKeys.SQL_FLUSH) + "\n; COMMIT");
            } else {
                connection.rollback();
            }
            connection.setAutoCommit(true);
            return null;
        });
        return read.map(found -> new Reading(found, deadline));
    }

    private long takeVersion(Statement statement, int epoch) throws SQLException {
        // Said in each transaction: no default of a role, database or session may decide it.
        boolean isRow = statement.execute(
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n" + config.sql(SinkKeys.SQL_VERSION));
        while (!isRow && (statement.getUpdateCount() != -1)) {
            isRow = statement.getMoreResults();
        }
        ResultSet row = isRow ? statement.getResultSet() : null;
        if (row == null || !row.next()) {
            throw noRow();
        }
        long lsn = row.getLong(1);
        if (lsn <= 0 || lsn >>> VERSION_BITS != 0) {
            throw new ConnectException(String.format(
                    "Pipeline %s: %s returned %d, which is no LSN. Deploy the connector again with `pg2es`.",
                    config.pipeline(), SinkKeys.SQL_VERSION, lsn));
        }
        return ((long) epoch << VERSION_BITS) | lsn;
    }

    private Optional<List<Document>> readDocuments(
            Statement statement, List<RootKey> roots, long version, long maxBytes) throws SQLException {
        statement.setFetchSize(FETCH_DOCUMENTS);
        List<Document> found = new ArrayList<>(roots.size());
        Set<String> ids = new HashSet<>();
        long bytes = 0;
        try (ResultSet rows = statement.executeQuery(documents.execute(documentArguments(roots, version)))) {
            while (rows.next()) {
                Document document = new Document(rows.getString(1), rows.getBytes(2), rows.getBytes(3));
                checkLines(document);
                if (!ids.add(document.id())) {
                    throw brokenDocuments("returned two rows for the document " + document.id());
                }
                bytes += document.bulkBytes();
                if (bytes > maxBytes && roots.size() > 1) {
                    return Optional.empty();
                }
                found.add(document);
            }
        }
        if (found.isEmpty()) {
            throw brokenDocuments("returned no row for " + roots.size() + " roots");
        }
        return Optional.of(found);
    }

    private String[] documentArguments(List<RootKey> roots, long version) throws SQLException {
        List<String> arguments = new ArrayList<>(List.of(keyLiterals(roots)));
        arguments.add(Long.toString(version));
        return arguments.toArray(new String[0]);
    }

    private void checkLines(Document document) {
        if (hasLineBreak(document.action()) || (!document.isDelete() && hasLineBreak(document.source()))) {
            throw brokenDocuments("put a line break into the document " + document.id());
        }
    }

    private static boolean hasLineBreak(byte[] line) {
        for (byte character : line) {
            if (character == '\n') {
                return true;
            }
        }
        return false;
    }

    private ConnectException brokenDocuments(String what) {
        return new ConnectException(String.format(
                "Pipeline %s: %s %s. Mend the document SQL so that it returns one row for each root, check with "
                        + "`pg2es validate --connect`, and deploy again.",
                config.pipeline(), SinkKeys.SQL_DOCUMENTS, what));
    }

    private ResultSet firstRow(Statement statement, String sql) throws SQLException {
        ResultSet row = statement.executeQuery(sql);
        if (!row.next()) {
            throw noRow();
        }
        return row;
    }

    private static SQLException noRow() {
        return new SQLException("it returned no row", "21000");
    }

    private void execute(String label, String sql) throws TransientFailure {
        run(label, statement -> statement.execute(sql));
    }

    private <T> T run(String label, Work<T> work) throws TransientFailure {
        try (Statement statement = connection.createStatement()) {
            statement.setEscapeProcessing(false);
            return work.on(statement);
        } catch (SQLException e) {
            throw errors.translate(label, e);
        }
    }

    private interface Work<T> {
        T on(Statement statement) throws SQLException, TransientFailure;
    }

    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            // The server closes what is left.
        }
    }
}
