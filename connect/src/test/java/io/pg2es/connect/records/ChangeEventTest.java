package io.pg2es.connect.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.records.ChangeEvent.Kind;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChangeEventTest {
    private static final String WITH_SCHEMA = """
            {"schema": {"type": "struct", "fields": [
                {"field": "before", "type": "struct", "optional": true, "fields": [
                    {"field": "id", "type": "int64"}, {"field": "note", "type": "string", "optional": true}]},
                {"field": "after", "type": "struct", "optional": true, "fields": [
                    {"field": "id", "type": "int64"}, {"field": "note", "type": "string", "optional": true}]},
                {"field": "source", "type": "struct", "fields": [{"field": "txId", "type": "int64", "optional": true}]},
                {"field": "op", "type": "string"}]},
             "payload": {"before": null, "after": {"id": 7, "note": null}, "source": {"txId": 99}, "op": "c"}}""";

    @ParameterizedTest
    @ValueSource(strings = {"c", "u", "d", "r"})
    void aChangeHasItsImagesAndItsTransaction(String op) {
        ChangeEvent event = change("""
                {"op": "%s", "before": {"id": 1}, "after": {"id": 2}, "source": {"txId": 4000000000}}""".formatted(op));
        assertThat(tuples(event, "id")).containsExactly(List.of("1"), List.of("2"));
        assertThat(event.transactionId()).hasValue(4_000_000_000L);
    }

    @Test
    void theWrapperIsTakenOffWhetherOrNotTheConverterDidIt() {
        Object wrapped = Events.value(WITH_SCHEMA);
        Object unwrapped = Events.recordWithSchema("topic", 0, WITH_SCHEMA).value();
        assertThat(unwrapped).isInstanceOf(Struct.class);
        for (Object value : List.of(wrapped, unwrapped)) {
            ChangeEvent event = ChangeEvent.parse(value).event().orElseThrow();
            assertThat(tuples(event, "id")).containsExactly(List.of("7"));
            assertThat(tuples(event, "id", "note")).containsExactly(Arrays.asList("7", null));
            assertThat(event.transactionId()).hasValue(99);
        }
    }

    @Test
    void theNumberOfASchemaIsAWrapperToo() {
        ChangeEvent event = change("{\"schemaId\": 7, \"payload\": {\"op\": \"c\", \"after\": {\"id\": 2}}}");
        assertThat(tuples(event, "id")).containsExactly(List.of("2"));
    }

    @Test
    void aNullStaysNullWhereTheColumnHasADefault() {
        Schema schema = SchemaBuilder.struct()
                .field("fk", SchemaBuilder.int32().optional().defaultValue(5).build())
                .build();
        Row row = Row.of(new Struct(schema)).orElseThrow();
        assertThat(row.tuple(List.of("fk"))).containsOnlyNulls();
    }

    @Test
    void aSnapshotMayLackTheTransaction() {
        assertThat(change("{\"op\": \"r\", \"after\": {\"id\": 1}, \"source\": {\"txId\": null}}")
                        .transactionId())
                .isEmpty();
        assertThat(change("{\"op\": \"r\", \"after\": {\"id\": 1}}").transactionId())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "null",
                "{\"ts_ms\": 1}",
                "{\"op\": \"m\", \"message\": {\"prefix\": \"p\"}}",
                "{\"schema\": {}, \"payload\": null}"
            })
    void tombstonesHeartbeatsAndMessagesAreNothing(String json) {
        assertThat(ChangeEvent.parse(Events.value(json)).kind()).isEqualTo(Kind.NOTHING);
        assertThat(ChangeEvent.parse(null).kind()).isEqualTo(Kind.NOTHING);
    }

    @Test
    void truncateIsItsOwnKind() {
        assertThat(ChangeEvent.parse(Events.value("{\"op\": \"t\", \"before\": null, \"after\": null}"))
                        .kind())
                .isEqualTo(Kind.TRUNCATE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"id\": 1}",
                "[1]",
                "\"text\"",
                "{\"op\": \"x\", \"after\": {\"id\": 1}}",
                "{\"op\": \"u\", \"before\": null, \"after\": null}"
            })
    void whatIsNoChangeEventIsRefused(String json) {
        assertThatThrownBy(() -> ChangeEvent.parse(Events.value(json))).isInstanceOf(UnusableRecordException.class);
    }

    @Test
    void aLostColumnAndALostValueAreRefused() {
        Row row = Row.of(Events.value("{\"id\": 1, \"big\": \"__debezium_unavailable_value\"}"))
                .orElseThrow();
        assertThatThrownBy(() -> row.tuple(List.of("fk"))).hasMessageContaining("has no column fk");
        assertThatThrownBy(() -> row.tuple(List.of("id", "big"))).hasMessageContaining("REPLICA IDENTITY FULL");
    }

    private static ChangeEvent change(String json) {
        return ChangeEvent.parse(Events.value(json)).event().orElseThrow();
    }

    private static List<List<String>> tuples(ChangeEvent event, String... columns) {
        return event.images().stream().map(row -> row.tuple(List.of(columns))).toList();
    }
}
