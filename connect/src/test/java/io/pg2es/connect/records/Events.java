package io.pg2es.connect.records;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;

/** Records as Kafka Connect's own converter makes them of JSON. */
public final class Events {
    private Events() {}

    public static SinkRecord record(String topic, long offset, String json) {
        return record(topic, offset, json, false);
    }

    static SinkRecord recordWithSchema(String topic, long offset, String json) {
        return record(topic, offset, json, true);
    }

    private static SinkRecord record(String topic, long offset, String json, boolean schemas) {
        try (JsonConverter converter = new JsonConverter()) {
            converter.configure(Map.of("schemas.enable", schemas), false);
            byte[] bytes = json == null ? null : json.getBytes(StandardCharsets.UTF_8);
            SchemaAndValue value = converter.toConnectData(topic, bytes);
            return new SinkRecord(
                    topic,
                    0,
                    null,
                    null,
                    value.schema(),
                    value.value(),
                    offset,
                    1_700_000_000_000L,
                    TimestampType.CREATE_TIME);
        }
    }

    public static Object value(String json) {
        return record("topic", 0, json).value();
    }
}
