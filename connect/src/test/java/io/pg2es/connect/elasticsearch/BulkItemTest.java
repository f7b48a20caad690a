package io.pg2es.connect.elasticsearch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.elasticsearch.BulkItem.Outcome;
import io.pg2es.connect.retry.TransientFailure;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BulkItemTest {
    @ParameterizedTest
    @CsvSource({
        "200, , WRITTEN, DELETED",
        "201, , WRITTEN, DELETED",
        "404, , REJECTED, DELETED",
        "409, version_conflict_engine_exception, CONFLICT, CONFLICT",
        "429, es_rejected_execution_exception, AGAIN, AGAIN",
        "429, cluster_block_exception, AGAIN, AGAIN",
        "403, cluster_block_exception, AGAIN, AGAIN",
        "400, index_closed_exception, AGAIN, AGAIN",
        "500, whatever, AGAIN, AGAIN",
        "503, unavailable_shards_exception, AGAIN, AGAIN",
        "400, document_parsing_exception, REJECTED, REJECTED",
        "400, illegal_argument_exception, REJECTED, REJECTED",
        "404, index_not_found_exception, FATAL, FATAL",
        "403, security_exception, FATAL, FATAL",
    })
    void eachItemIsJudgedAlone(int status, String error, Outcome ofIndex, Outcome ofDelete) {
        BulkItem item = new BulkItem(status, error, "a reason");
        assertThat(item.outcome(false)).isEqualTo(ofIndex);
        assertThat(item.outcome(true)).isEqualTo(ofDelete);
    }

    @Test
    void theAnswerIsReadInOrderWithTheCauseOfAnError() throws TransientFailure {
        assertThat(BulkResponse.parse(body("""
                                {"items": [
                                  {"index": {"status": 201}},
                                  {"delete": {"status": 404}},
                                  {"index": {"status": 400, "error": {"type": "document_parsing_exception",
                                    "reason": "failed to parse field [n]", "caused_by": {"reason": "For input: \\"x\\""}}}},
                                  {"index": {"status": 429, "error": {"type": "rejected", "reason": "full"}}}]}"""), 4))
                .containsExactly(
                        new BulkItem(201, null, null),
                        new BulkItem(404, null, null),
                        new BulkItem(400, "document_parsing_exception", "failed to parse field [n] (For input: \"x\")"),
                        new BulkItem(429, "rejected", "full"));
    }

    @Test
    void anAnswerThatDoesNotFitAcknowledgesNothing() {
        assertThatThrownBy(() -> BulkResponse.parse(body("{\"items\": [{\"index\": {\"status\": 200}}]}"), 2))
                .isInstanceOf(TransientFailure.class)
                .hasMessageContaining("1 items for 2 actions");
        assertThatThrownBy(() -> BulkResponse.parse(body("{\"items\": [{\"index\""), 1))
                .isInstanceOf(TransientFailure.class);
    }

    private static InputStream body(String json) {
        return new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8));
    }
}
