package io.pg2es.connect.elasticsearch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pg2es.connect.retry.TransientFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.connect.errors.ConnectException;
import org.elasticsearch.client.Request;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The ids of all documents of the index, as they are at one point in time. */
public final class DocumentIds implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DocumentIds.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String KEEP_ALIVE = "5m";
    private static final int PAGE = 5_000;

    private final ElasticsearchClient elasticsearch;
    private final String pointInTime;
    private JsonNode after;
    private boolean isLast;

    private DocumentIds(ElasticsearchClient elasticsearch, String pointInTime) {
        this.elasticsearch = elasticsearch;
        this.pointInTime = pointInTime;
    }

    /** Makes searchable what was written before, so that it is among the documents. */
    public static DocumentIds open(ElasticsearchClient elasticsearch, String index) throws TransientFailure {
        elasticsearch.ask(new Request("POST", "/" + index + "/_refresh"));
        Request request = new Request("POST", "/" + index + "/_pit");
        request.addParameter("keep_alive", KEEP_ALIVE);
        return new DocumentIds(
                elasticsearch, elasticsearch.ask(request).path("id").asText());
    }

    /** The next ids, in no order that means anything; none after the last. */
    public List<String> next() throws TransientFailure {
        List<String> ids = new ArrayList<>();
        if (!isLast) {
            Request request = new Request("POST", "/_search");
            request.addParameter("allow_partial_search_results", "false");
            request.addParameter("filter_path", "timed_out,hits.hits._id,hits.hits.sort");
            request.setJsonEntity(search());
            JsonNode answer = elasticsearch.ask(request);
            if (answer.path("timed_out").asBoolean()) {
                throw new TransientFailure("Elasticsearch answered only a part of a search.");
            }
            for (JsonNode hit : answer.path("hits").path("hits")) {
                ids.add(hit.path("_id").asText());
                after = hit.path("sort");
            }
            isLast = ids.size() < PAGE;
        }
        return ids;
    }

    private String search() {
        Map<String, Object> search = new TreeMap<>(Map.of(
                "size",
                PAGE,
                "pit",
                Map.of("id", pointInTime, "keep_alive", KEEP_ALIVE),
                "sort",
                List.of("_shard_doc"),
                "_source",
                false,
                "track_total_hits",
                false));
        if (after != null) {
            search.put("search_after", after);
        }
        try {
            return JSON.writeValueAsString(search);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        Request request = new Request("DELETE", "/_pit");
        request.setJsonEntity("{\"id\":\"" + pointInTime + "\"}");
        try {
            elasticsearch.ask(request);
        } catch (TransientFailure | ConnectException e) {
            LOG.debug("Elasticsearch forgets the search after {} by itself", KEEP_ALIVE, e);
        }
    }
}
