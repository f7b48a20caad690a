package io.pg2es.connect.postgres;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.documents.ReadResult;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.generation.Identity;
import io.pg2es.connect.retry.TransientFailure;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.postgresql.PGProperty;

/**
 * A session on the primary: the only way to run SQL.
 *
 * <p>Whoever gets another exception than a {@link LookupFailedException} closes the session and opens a new one, so no
 * method tidies up after a failure.
 */
public final class PostgresSession implements AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofSeconds(30);

    private static final int FETCH_ROOTS = 10_000;

    private final SinkConfig config;
    private final Connection connection;
    private final Statements statements;
    private final SqlLiterals literals;
    private final PreparedSql documents;
    private final VersionedRead versionedRead;
    private final PreparedSql fence;
    private final PreparedSql visible;
    private final PreparedSql transactionStatus;
    private final PreparedSql roots;
    private final PreparedSql rootless;
    private final Map<Route, PreparedSql> lookups = new HashMap<>();
    private final Map<Route, PreparedSql> wholeLookups = new HashMap<>();

    private PostgresSession(SinkConfig config, PostgresErrors errors, Connection connection) throws SQLException {
        this.config = config;
        this.connection = connection;
        this.statements = new Statements(connection, errors);
        this.literals = new SqlLiterals(connection);
        this.documents = PreparedSql.documents(config);
        this.versionedRead = new VersionedRead(config, connection, statements, literals, documents);
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

    /**
     * Connects and sets the session up. Nothing is prepared yet: {@link #identity()} comes first.
     *
     * @param patience how long a statement may take; a server that is silent for {@link #GRACE} longer is gone
     */
    public static PostgresSession open(SinkConfig config, Duration patience) throws TransientFailure {
        PostgresErrors errors = new PostgresErrors(config.pipeline());
        PostgresSession session;
        try {
            session = new PostgresSession(
                    config, errors, DriverManager.getConnection(config.postgresUrl(), properties(config, patience)));
        } catch (SQLException e) {
            throw errors.translate("connecting", e);
        }
        try {
            session.statements.execute(SinkKeys.SQL_SESSION, config.sql(SinkKeys.SQL_SESSION));
            session.statements.execute("limiting the time", "SET statement_timeout = " + patience.toMillis());
            return session;
        } catch (TransientFailure | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    private static Properties properties(SinkConfig config, Duration patience) {
        Properties properties = new Properties();
        PGProperty.USER.set(properties, config.postgresUser());
        PGProperty.PASSWORD.set(properties, config.postgresPassword().value());
        PGProperty.APPLICATION_NAME.set(properties, "pg2es sink " + config.index());
        PGProperty.TCP_KEEP_ALIVE.set(properties, true);
        PGProperty.CONNECT_TIMEOUT.set(properties, (int) CONNECT_TIMEOUT.toSeconds());
        PGProperty.LOGIN_TIMEOUT.set(properties, (int) CONNECT_TIMEOUT.toSeconds());
        PGProperty.SOCKET_TIMEOUT.set(properties, (int) patience.plus(GRACE).toSeconds());
        return properties;
    }

    /** Which database this is. */
    public Identity identity() throws TransientFailure {
        return statements.run(SinkKeys.SQL_IDENTITY, statement -> {
            ResultSet row = Statements.firstRow(statement, config.sql(SinkKeys.SQL_IDENTITY));
            return new Identity(row.getString(1), row.getInt(2), row.getBoolean(3));
        });
    }

    /** Prepares every statement of the config, so that a broken one is found before the first event. */
    public void prepare() throws TransientFailure {
        List<PreparedSql> all = new ArrayList<>(List.of(documents, fence, visible, transactionStatus, roots, rootless));
        all.addAll(lookups.values());
        all.addAll(wholeLookups.values());
        for (PreparedSql sql : all) {
            statements.execute(sql.label(), sql.prepare());
        }
    }

    /** Whether every transaction that was running when the fence was set has ended. */
    public boolean isFencePassed(String fenceId) throws TransientFailure {
        return statements.run(
                fence.label(),
                statement -> Statements.firstRow(statement, fence.execute(literals.text(fenceId)))
                        .getBoolean(1));
    }

    /** Whether a statement started now sees what all these transactions did. */
    public boolean areVisible(Collection<Long> transactions) throws TransientFailure {
        return statements.run(
                visible.label(),
                statement -> Statements.firstRow(statement, visible.execute(literals.bigints(transactions)))
                        .getBoolean(1));
    }

    /** Whether it makes sense to wait for a transaction: PostgreSQL knows it, and it was not rolled back. */
    public boolean mayBecomeVisible(long transaction) throws TransientFailure {
        return statements.run(transactionStatus.label(), statement -> {
            try {
                String status = Statements.firstRow(statement, transactionStatus.execute(Long.toString(transaction)))
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
    public Optional<Set<RootKey>> lookUp(Route route, Collection<List<String>> tuples, int most)
            throws TransientFailure, LookupFailedException {
        PreparedSql lookup = lookups.get(route);
        return statements.run(lookup.label(), statement -> {
            List<String> arguments = new ArrayList<>(List.of(tupleLiterals(route, tuples)));
            arguments.add(Long.toString(most + 1L));
            Set<RootKey> found = new LinkedHashSet<>();
            long rows = streamLookUp(statement, lookup.execute(arguments.toArray(new String[0])), found::add);
            return rows > most ? Optional.<Set<RootKey>>empty() : Optional.of(found);
        });
    }

    /** Gives every root that the route's tuples lead to now, each once, however many they are. */
    public void streamLookUp(Route route, Collection<List<String>> tuples, RootReceiver receiver)
            throws TransientFailure, LookupFailedException {
        PreparedSql lookup = wholeLookups.get(route);
        statements.run(
                lookup.label(),
                statement -> streamLookUp(statement, lookup.execute(tupleLiterals(route, tuples)), receiver));
    }

    private long streamLookUp(Statement statement, String sql, RootReceiver receiver)
            throws SQLException, TransientFailure, LookupFailedException {
        try {
            return stream(statement, sql, receiver);
        } catch (SQLException e) {
            if (PostgresErrors.isRowError(e) || PostgresErrors.isTooSlow(e)) {
                connection.rollback();
                connection.setAutoCommit(true);
                throw new LookupFailedException(e);
            }
            throw e;
        }
    }

    /** Gives every root that there is. */
    public void streamRoots(RootReceiver receiver) throws TransientFailure {
        // Not by EXECUTE, which would put the keys of the whole table aside before it gives the first.
        statements.run(roots.label(), statement -> stream(statement, roots.sql(), receiver));
    }

    /** Which of the keys no root has; or, in PostgreSQL's words, why one of them can be no key. */
    public Rootless findRootless(Collection<RootKey> keys) throws TransientFailure {
        return statements.run(rootless.label(), statement -> {
            List<RootKey> found = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery(
                    rootless.execute(literals.keys(keys, config.keyColumns().size())))) {
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
    public record Rootless(List<RootKey> keys, Optional<String> problem) {}

    /** Takes roots that are read. */
    public interface RootReceiver {
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

    /**
     * Reads the roots' documents under a version that was taken before.
     *
     * @param epoch the generation's epoch, the upper bits of the version
     * @param maxBytes after how much no further document is brought over
     */
    public ReadResult read(List<RootKey> roots, int epoch, long maxBytes) throws TransientFailure {
        return versionedRead.read(roots, epoch, maxBytes);
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

    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            // The server closes what is left.
        }
    }
}
