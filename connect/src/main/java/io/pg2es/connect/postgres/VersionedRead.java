package io.pg2es.connect.postgres;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.documents.Document;
import io.pg2es.connect.documents.ReadResult;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * Reads documents under a version that was taken before: steps 2 to 4 of the refresh, in one transaction.
 *
 * <pre>
 *   BEGIN READ COMMITTED ─▶ version ─▶ documents ─▶ flush, COMMIT
 * </pre>
 *
 * <p>The version is a statement of its own ahead of the read, so the documents hold whatever could be seen when it was
 * taken.
 */
final class VersionedRead {
    private static final int VERSION_BITS = 56;

    private final SinkConfig config;
    private final Connection connection;
    private final Statements statements;
    private final SqlLiterals literals;
    private final PreparedSql documents;

    VersionedRead(
            SinkConfig config,
            Connection connection,
            Statements statements,
            SqlLiterals literals,
            PreparedSql documents) {
        this.config = config;
        this.connection = connection;
        this.statements = statements;
        this.literals = literals;
        this.documents = documents;
    }

    /**
     * Takes a version, then reads the roots' documents, then makes both durable.
     *
     * @param epoch the generation's epoch, the upper bits of the version
     * @param maxBytes after how much no further document is brought over
     */
    ReadResult read(List<RootKey> roots, int epoch, long maxBytes) throws TransientFailure {
        TimeLimit deadline = TimeLimit.in(config.deadline());
        long version = statements.run(SinkKeys.SQL_VERSION, statement -> {
            connection.setAutoCommit(false);
            return takeVersion(statement, epoch);
        });
        ReadResult result = statements.run(
                documents.label(), statement -> readDocuments(statement, roots, version, maxBytes, deadline));
        statements.run(SinkKeys.SQL_FLUSH, statement -> {
            if (result instanceof Reading) {
                statement.execute(config.sql(SinkKeys.SQL_FLUSH) + "\n; COMMIT");
            } else {
                connection.rollback();
            }
            connection.setAutoCommit(true);
            return null;
        });
        return result;
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
            throw Statements.noRow();
        }
        long lsn = row.getLong(1);
        if (lsn <= 0 || lsn >>> VERSION_BITS != 0) {
            throw new ConnectException(String.format(
                    "Pipeline %s: %s returned %d, which is no LSN. Deploy the connector again with `pg2es`.",
                    config.pipeline(), SinkKeys.SQL_VERSION, lsn));
        }
        return ((long) epoch << VERSION_BITS) | lsn;
    }

    private ReadResult readDocuments(
            Statement statement, List<RootKey> roots, long version, long maxBytes, TimeLimit deadline)
            throws SQLException {
        try (ResultSet rows = statement.executeQuery(documents.execute(documentArguments(roots, version, maxBytes)))) {
            return reading(rows, roots, deadline);
        } catch (SQLException e) {
            if (PostgresErrors.isRowError(e)) {
                return new ReadResult.Unreadable(PostgresErrors.withState(e));
            }
            if (PostgresErrors.isTooSlow(e) && roots.size() > 1) {
                return new ReadResult.TooSlow();
            }
            throw e;
        }
    }

    private ReadResult reading(ResultSet rows, List<RootKey> roots, TimeLimit deadline) throws SQLException {
        List<Document> found = new ArrayList<>(roots.size());
        Set<String> left = new HashSet<>();
        Map<String, List<RootKey>> asked = new HashMap<>();
        while (rows.next()) {
            Document document = new Document(rows.getString(1), rows.getBytes(2), rows.getBytes(3), rows.getLong(4));
            if (asked.put(document.id(), rootsAt(rows.getArray(5), roots)) != null) {
                return new ReadResult.Unreadable("the document SQL returned two rows for it");
            }
            if (document.source() == null && document.sourceBytes() > 0 && document.sourceBytes() <= mostOfOne()) {
                left.add(document.id());
            } else {
                checkLines(document);
                found.add(document);
            }
        }
        if (asked.isEmpty()) {
            throw brokenDocuments("returned no row for " + roots.size() + " roots");
        }
        return new Reading(found, left, asked, deadline);
    }

    private static List<RootKey> rootsAt(Array places, List<RootKey> roots) throws SQLException {
        return Arrays.stream((Long[]) places.getArray())
                .map(place -> roots.get((int) (place - 1)))
                .toList();
    }

    private long mostOfOne() {
        return config.documentMaxBytes();
    }

    private String[] documentArguments(List<RootKey> roots, long version, long maxBytes) throws SQLException {
        List<String> arguments =
                new ArrayList<>(List.of(literals.keys(roots, config.keyColumns().size())));
        arguments.add(Long.toString(version));
        arguments.add(Long.toString(mostOfOne()));
        arguments.add(Long.toString(maxBytes));
        return arguments.toArray(new String[0]);
    }

    private void checkLines(Document document) {
        if (hasLineBreak(document.action()) || (document.source() != null && hasLineBreak(document.source()))) {
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
}
