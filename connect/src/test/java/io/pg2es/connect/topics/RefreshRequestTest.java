package io.pg2es.connect.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.records.Events;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RefreshRequestTest {
    @Test
    void keysAreTheTextsOfTheirColumns() {
        RefreshRequest request = parse("{\"keys\": [[\"a\", \"1.50\"], [\"b\", 2]]}", 2);
        assertThat(request.roots()).containsExactly(new RootKey(List.of("a", "1.50")), new RootKey(List.of("b", "2")));
        assertThat(request.isAll()).isFalse();
        assertThat(request.concerns("orders-000001")).isTrue();
    }

    @Test
    void anIndexIsTheOnlyOneThatIsMeant() {
        RefreshRequest request = parse("{\"all\": true, \"index\": \"orders-000001\"}", 1);
        assertThat(request.isAll()).isTrue();
        assertThat(request.concerns("orders-000001")).isTrue();
        assertThat(request.concerns("orders-000002")).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[1] | it is no JSON object; expected is {\"keys\": [[\"…\"], …]} or {\"all\": true}",
                "{} | expected is",
                "{\"all\": false} | expected is",
                "{\"all\": true, \"keys\": []} | expected is",
                "{\"all\": \"true\", \"keys\": []} | expected is",
                "{\"keys\": \"1\"} | expected is",
                "{\"keys\": [\"1\"]} | the key 1 does not fit",
                "{\"keys\": [[\"1\", \"2\"]]} | the key [1, 2] does not fit",
                "{\"keys\": [[null]]} | the key [null] does not fit",
                "{\"keys\": [[{}]]} | not a JSON scalar",
                "{\"keys\": [], \"index\": 1} | its index is no text",
                "{\"keys\": [], \"indices\": \"x\"} | it has [indices], but known are [all, index, keys]",
            })
    void anythingElseIsUnusable(String json, String reason) {
        assertThatThrownBy(() -> parse(json, 1))
                .isInstanceOf(UnusableRecordException.class)
                .hasMessageContaining(reason);
    }

    @ParameterizedTest
    @ValueSource(strings = {"[1]", "no JSON", ""})
    void aKeyThatIsNoRequestIsUnusable(String key) {
        assertThatThrownBy(() -> RefreshRequest.of(record(key, null), 1))
                .isInstanceOf(UnusableRecordException.class)
                .hasMessageContaining("it is no JSON object; expected is");
    }

    @Test
    void aRecordWithNothingIsUnusable() {
        assertThatThrownBy(() -> RefreshRequest.of(record(null, null), 1)).isInstanceOf(UnusableRecordException.class);
    }

    /** What the records of a value say, and those of a key without one: it is the same. */
    private static RefreshRequest parse(String json, int keyColumns) {
        RefreshRequest byKey = RefreshRequest.of(record(json, null), keyColumns);
        assertThat(RefreshRequest.of(record("[\"a\"]", json), keyColumns)).isEqualTo(byKey);
        assertThat(RefreshRequest.of(record(new String(byKey.toBytes(), StandardCharsets.UTF_8), null), keyColumns))
                .isEqualTo(byKey);
        return byKey;
    }

    private static SinkRecord record(String key, String value) {
        byte[] bytes = key == null ? null : key.getBytes(StandardCharsets.UTF_8);
        return new SinkRecord("topic", 0, Schema.OPTIONAL_BYTES_SCHEMA, bytes, null, Events.value(value), 0);
    }
}
