package io.pg2es.connect.records;

import io.pg2es.connect.deadletters.UnusableRecordException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.connect.data.Struct;

/**
 * One change of one row, as Debezium reports it.
 *
 * @param images the row before and after the change, as far as the event has them
 * @param transactionId low 32 bits of the id of the transaction that made the change; snapshots may lack it
 */
record ChangeEvent(List<Row> images, OptionalLong transactionId) {
    private static final Set<String> CHANGES = Set.of("c", "u", "d", "r");
    private static final String LOGICAL_MESSAGE = "m";
    private static final String TRUNCATE = "t";
    private static final long LOW_32_BITS = 0xFFFF_FFFFL;
    /** What converters put around an event: the schema, or its number in a registry. */
    private static final Set<Set<String>> WRAPPERS = Set.of(Set.of("schema", "payload"), Set.of("schemaId", "payload"));

    private static final Set<String> HEARTBEAT = Set.of("ts_ms");

    /** What a record is to the sink. */
    enum Kind {
        CHANGE,
        /** Tombstones, heartbeats and logical messages: nothing to do. */
        NOTHING,
        /** TRUNCATE, which names no rows. */
        TRUNCATE
    }

    /** A record's kind, and its event if it is a change or a TRUNCATE, which has no images. */
    record Parsed(Kind kind, Optional<ChangeEvent> event) {
        private static final Parsed NOTHING = new Parsed(Kind.NOTHING, Optional.empty());
    }

    /**
     * @param value a record's value: Struct, or Map with or without one of the wrappers
     * @throws UnusableRecordException when it is no change event
     */
    static Parsed parse(Object value) {
        Object payload = unwrap(value);
        if (payload == null || isHeartbeat(payload)) {
            return Parsed.NOTHING;
        }
        Row envelope = Row.of(payload)
                .orElseThrow(() -> new UnusableRecordException(
                        "it is no JSON object but a " + payload.getClass().getSimpleName()));
        if (!(envelope.get("op") instanceof String op)) {
            throw new UnusableRecordException("it has no Debezium envelope (op, before, after); do not use a "
                    + "transformation that unwraps it, such as ExtractNewRecordState");
        }
        if (CHANGES.contains(op)) {
            return new Parsed(Kind.CHANGE, Optional.of(change(envelope)));
        }
        return switch (op) {
            case LOGICAL_MESSAGE -> Parsed.NOTHING;
            case TRUNCATE -> new Parsed(Kind.TRUNCATE, Optional.of(event(List.of(), envelope)));
            default -> throw new UnusableRecordException("its op is " + op + "; known are c, u, d, r, t and m");
        };
    }

    private static ChangeEvent change(Row envelope) {
        List<Row> images = Stream.of("before", "after")
                .flatMap(image -> Row.of(envelope.get(image)).stream())
                .toList();
        if (images.isEmpty()) {
            throw new UnusableRecordException("it has neither before nor after");
        }
        return event(images, envelope);
    }

    private static ChangeEvent event(List<Row> images, Row envelope) {
        Object transaction =
                Row.of(envelope.get("source")).map(source -> source.get("txId")).orElse(null);
        return new ChangeEvent(
                images,
                transaction instanceof Number id
                        ? OptionalLong.of(id.longValue() & LOW_32_BITS)
                        : OptionalLong.empty());
    }

    private static Object unwrap(Object value) {
        return value instanceof Map<?, ?> map && WRAPPERS.contains(map.keySet()) ? map.get("payload") : value;
    }

    private static boolean isHeartbeat(Object payload) {
        return payload instanceof Map<?, ?> map
                ? map.keySet().equals(HEARTBEAT)
                : payload instanceof Struct struct
                        && struct.schema().fields().size() == 1
                        && struct.schema().field("ts_ms") != null;
    }
}
