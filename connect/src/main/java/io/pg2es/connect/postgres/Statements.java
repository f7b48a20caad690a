package io.pg2es.connect.postgres;

import io.pg2es.connect.retry.TransientFailure;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Runs statements on one connection, and translates PostgreSQL's errors. */
final class Statements {
    private final Connection connection;
    private final PostgresErrors errors;

    Statements(Connection connection, PostgresErrors errors) {
        this.connection = connection;
        this.errors = errors;
    }

    /** The first row of a query that has one. */
    static ResultSet firstRow(Statement statement, String sql) throws SQLException {
        ResultSet row = statement.executeQuery(sql);
        if (!row.next()) {
            throw noRow();
        }
        return row;
    }

    static SQLException noRow() {
        return new SQLException("it returned no row", "21000");
    }

    void execute(String label, String sql) throws TransientFailure {
        run(label, statement -> statement.execute(sql));
    }

    /**
     * Does work with a statement of its own.
     *
     * @param label what fails if it does: a config key, or words
     */
    <T, E extends Exception> T run(String label, Work<T, E> work) throws TransientFailure, E {
        try (Statement statement = connection.createStatement()) {
            statement.setEscapeProcessing(false);
            return work.on(statement);
        } catch (SQLException e) {
            throw errors.translate(label, e);
        }
    }

    /** What is done with a statement. */
    interface Work<T, E extends Exception> {
        T on(Statement statement) throws SQLException, TransientFailure, E;
    }
}
