package io.pg2es.connect.records;

import io.pg2es.connect.deadletters.UnusableRecordException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.connect.data.Struct;

/** Named values: an object of a change event, whether it came with a schema (Struct) or without (Map). */
sealed interface Row {
    /** Debezium's mark for a large value that the change left alone and the WAL therefore lacks. */
    String UNAVAILABLE = "__debezium_unavailable_value";

    boolean has(String name);

    Object get(String name);

    /** The object as a row; empty when the value is null or no object. */
    static Optional<Row> of(Object value) {
        if (value instanceof Struct struct) {
            return Optional.of(new StructRow(struct));
        }
        if (value instanceof Map<?, ?> map) {
            return Optional.of(new MapRow(map));
        }
        return Optional.empty();
    }

    /**
     * The texts of the columns, null where one is NULL.
     *
     * @throws UnusableRecordException when the row lacks a column or its value
     */
    default List<String> tuple(List<String> columns) {
        List<String> tuple = new ArrayList<>(columns.size());
        for (String column : columns) {
            if (!has(column)) {
                throw new UnusableRecordException("it has no column " + column
                        + "; the source connector must capture the columns that lead to roots");
            }
            Object value = get(column);
            if (UNAVAILABLE.equals(value)) {
                throw new UnusableRecordException("its column " + column
                        + " was left out of the WAL (a large value that did not change); set REPLICA IDENTITY FULL");
            }
            tuple.add(value == null ? null : textOf(column, value));
        }
        return Collections.unmodifiableList(tuple);
    }

    private static String textOf(String column, Object value) {
        try {
            return ScalarText.of(value);
        } catch (UnusableRecordException e) {
            throw new UnusableRecordException("column " + column + ": " + e.getMessage());
        }
    }

    record MapRow(Map<?, ?> map) implements Row {
        @Override
        public boolean has(String name) {
            return map.containsKey(name);
        }

        @Override
        public Object get(String name) {
            return map.get(name);
        }
    }

    record StructRow(Struct struct) implements Row {
        @Override
        public boolean has(String name) {
            return struct.schema().field(name) != null;
        }

        @Override
        public Object get(String name) {
            // Not get(): it puts the column's default in the place of a NULL.
            return has(name) ? struct.getWithoutDefault(name) : null;
        }
    }
}
