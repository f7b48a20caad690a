package io.pg2es.connect.generation;

import com.fasterxml.jackson.databind.JsonNode;
import io.pg2es.connect.retry.TransientFailure;
import java.util.Optional;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * What the index's mapping {@code _meta} says of the generation.
 *
 * @param index the index
 * @param epoch upper bits of every version, raised when the database's LSNs start again
 * @param systemIdentifier the database that the documents come from
 * @param timeline its timeline
 * @param fence transaction id that must have passed before anybody writes; empty until the stream's position is fixed
 */
public record Generation(String index, int epoch, String systemIdentifier, int timeline, Optional<String> fence) {
    private static final int FORMAT = 1;
    private static final int MAX_EPOCH = 127;

    /**
     * Reads the mapping's {@code _meta}.
     *
     * @param mapping Elasticsearch's answer: index → mappings → _meta → pg2es
     * @throws ConnectException when the index is not a generation of the pipeline
     */
    public static Generation parse(JsonNode mapping, String pipeline, String index) {
        JsonNode meta = mapping.path(index).path("mappings").path("_meta").path("pg2es");
        if (!meta.isObject()) {
            throw new ConnectException(String.format(
                    "Pipeline %s: index %s was not made by pg2es, or is an alias: its mapping has no _meta.pg2es. Deploy "
                            + "the pipeline with pg2es, and give the sink the generation's index.",
                    pipeline, index));
        }
        if (meta.path("format").asInt() != FORMAT) {
            throw wrong(pipeline, index, "format", meta.path("format").asText(), Integer.toString(FORMAT));
        }
        if (!meta.path("pipeline").asText().equals(pipeline)) {
            throw wrong(pipeline, index, "pipeline", meta.path("pipeline").asText(), pipeline);
        }
        int epoch = meta.path("epoch").asInt(-1);
        if (epoch < 0 || epoch > MAX_EPOCH) {
            throw wrong(pipeline, index, "epoch", meta.path("epoch").asText(), "0 to " + MAX_EPOCH);
        }
        return new Generation(
                index,
                epoch,
                meta.path("system_identifier").asText(),
                meta.path("timeline").asInt(),
                Optional.of(meta.path("fence").asText()).filter(fence -> !fence.isEmpty()));
    }

    private static ConnectException wrong(String pipeline, String index, String key, String found, String allowed) {
        return new ConnectException(String.format(
                "Pipeline %s: index %s has %s %s in its _meta.pg2es, but the sink needs %s. Deploy the pipeline again with "
                        + "pg2es.",
                pipeline, index, key, found.isEmpty() ? "(nothing)" : found, allowed));
    }

    /**
     * Holds that the index belongs to the database, and that this is its primary.
     *
     * @throws ConnectException when the database is not the one that the documents come from
     * @throws TransientFailure when it is a standby
     */
    public void check(Identity database, String pipeline) throws TransientFailure {
        if (database.inRecovery()) {
            throw new TransientFailure(
                    "Pipeline " + pipeline + ": PostgreSQL is a standby (in recovery); the sink needs the primary.");
        }
        if (!database.systemIdentifier().equals(systemIdentifier) || database.timeline() != timeline) {
            boolean leftBehind = database.systemIdentifier().equals(systemIdentifier) && database.timeline() < timeline;
            throw new ConnectException(String.format(
                    "Pipeline %s: index %s was filled from database %s on timeline %d, but this is %s on timeline %d: %s",
                    pipeline,
                    index,
                    systemIdentifier,
                    timeline,
                    database.systemIdentifier(),
                    database.timeline(),
                    leftBehind
                            ? "an old primary, which a promoted standby has replaced. Nothing was written. Point the "
                                    + "source at the new one."
                            : "a restored, failed-over or different database, whose positions may repeat. Nothing was "
                                    + "written. The DAG recover_<source> adopts it."));
        }
    }
}
