package io.pg2es.connect.topics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.records.Events;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    private static RefreshRequest parse(String json, int keyColumns) {
        return RefreshRequest.parse(Events.value(json), keyColumns);
    }
}
