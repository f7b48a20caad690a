package io.pg2es.connect.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pg2es.connect.retry.TransientFailure;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerationTest {
    private static final String META = """
            {"format": 1, "pipeline": "orders", "source": "shop", "fingerprint": "f", "epoch": 2,
             "system_identifier": "7300000000000000001", "timeline": 3%s}""";

    @Test
    void theMetaIsReadWithAndWithoutAFence() throws JsonProcessingException {
        Generation open = parse(META.formatted(""));
        assertThat(open).isEqualTo(new Generation("orders-000001", 2, "7300000000000000001", 3, open.fence()));
        assertThat(open.fence()).isEmpty();
        assertThat(parse(META.formatted(", \"fence\": \"12345\"")).fence()).contains("12345");
    }

    @Test
    void anIndexThatPg2esDidNotMakeIsRefused() {
        assertThatThrownBy(() -> Generation.parse(new ObjectMapper().readTree("{}"), "orders", "orders-000001"))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("orders-000001 was not made by pg2es");
    }

    @ParameterizedTest
    @CsvSource({
        "\"format\": 1, \"format\": 9, has format 9",
        "\"pipeline\": \"orders\", \"pipeline\": \"people\", has pipeline people",
        "\"epoch\": 2, \"epoch\": 128, has epoch 128",
        "\"epoch\": 2, \"other\": 0, has epoch (nothing)"
    })
    void aMetaThatDoesNotFitIsRefused(String right, String wrong, String message) {
        assertThatThrownBy(() -> parse(META.formatted("").replace(right, wrong)))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining(message);
    }

    @Test
    void theDatabaseMustBeTheSame() throws JsonProcessingException {
        Generation generation = parse(META.formatted(""));
        assertThatCode(() -> generation.check(new Identity("7300000000000000001", 3, false), "orders"))
                .doesNotThrowAnyException();
        for (Identity other : new Identity[] {
            new Identity("7300000000000000002", 2, false), new Identity("7300000000000000001", 4, false)
        }) {
            assertThatThrownBy(() -> generation.check(other, "orders"))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("The DAG recover_<source> adopts it");
        }
        assertThatThrownBy(() -> generation.check(new Identity("7300000000000000001", 2, false), "orders"))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("an old primary");
    }

    @Test
    void aStandbyIsWaitedOut() throws JsonProcessingException {
        Generation generation = parse(META.formatted(""));
        assertThatThrownBy(() -> generation.check(new Identity("7300000000000000001", 0, true), "orders"))
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("needs the primary");
    }

    private static Generation parse(String meta) throws JsonProcessingException {
        String mapping = "{\"orders-000001\": {\"mappings\": {\"_meta\": {\"pg2es\": %s}}}}".formatted(meta);
        return Generation.parse(new ObjectMapper().readTree(mapping), "orders", "orders-000001");
    }
}
