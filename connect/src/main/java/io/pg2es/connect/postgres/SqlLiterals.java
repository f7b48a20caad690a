package io.pg2es.connect.postgres;

import io.pg2es.connect.documents.RootKey;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import org.postgresql.PGConnection;

/** Values as SQL literals, quoted by the driver's own means. EXECUTE takes no parameters of the protocol. */
final class SqlLiterals {
    private final Connection connection;
    private final PGConnection escapes;

    SqlLiterals(Connection connection) throws SQLException {
        this.connection = connection;
        this.escapes = connection.unwrap(PGConnection.class);
    }

    String text(String value) throws SQLException {
        return "'" + escapes.escapeLiteral(value) + "'";
    }

    String bigints(Collection<Long> values) throws SQLException {
        return array("int8", values.toArray());
    }

    /** Keys as parallel arrays, one for each key column. */
    String[] keys(Collection<RootKey> keys, int columnCount) throws SQLException {
        return columns(keys.stream().map(RootKey::columns).toList(), columnCount);
    }

    /** Tuples as parallel arrays, one for each column. */
    String[] columns(List<List<String>> tuples, int columnCount) throws SQLException {
        String[] arrays = new String[columnCount];
        for (int column = 0; column < columnCount; column++) {
            int at = column;
            arrays[column] = array(
                    "text",
                    IntStream.range(0, tuples.size())
                            .mapToObj(row -> tuples.get(row).get(at))
                            .toArray());
        }
        return arrays;
    }

    private String array(String type, Object[] values) throws SQLException {
        return text(connection.createArrayOf(type, values).toString());
    }
}
