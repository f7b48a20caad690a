package io.pg2es.connect.elasticsearch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pg2es.connect.retry.TransientFailure;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** The answer to a bulk request: one item for each action, in their order. */
final class BulkResponse {
    /** What the sink needs to know; Elasticsearch leaves the rest out. */
    static final String FILTER =
            "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

    private static final ObjectMapper JSON = new ObjectMapper();

    private BulkResponse() {}

    /**
     * @param actions how many actions the request had
     * @throws TransientFailure when the answer does not fit the request: nothing is known to be done
     */
    static List<BulkItem> parse(InputStream body, int actions) throws TransientFailure {
        List<BulkItem> items = new ArrayList<>(actions);
        try {
            for (JsonNode action : JSON.readTree(body).path("items")) {
                // {"index": {…}} or {"delete": {…}}
                items.add(item(action.path(action.fieldNames().next())));
            }
        } catch (IOException e) {
            throw new TransientFailure("Elasticsearch's answer to a bulk request broke off: " + e.getMessage(), e);
        }
        if (items.size() != actions) {
            throw new TransientFailure(String.format(
                    "Elasticsearch's answer to a bulk request has %d items for %d actions", items.size(), actions));
        }
        return items;
    }

    private static BulkItem item(JsonNode item) {
        JsonNode error = item.path("error");
        if (error.isMissingNode()) {
            return new BulkItem(item.path("status").asInt(), null, null);
        }
        String reason = error.path("reason").asText();
        JsonNode cause = error.path("caused_by").path("reason");
        return new BulkItem(
                item.path("status").asInt(),
                error.path("type").asText(),
                cause.isMissingNode() ? reason : reason + " (" + cause.asText() + ")");
    }
}
