package io.pg2es.connect.records;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class OpenRecordsTest {
    private static final String TOPIC = "shop.orders-refresh";

    private final OpenRecords open = new OpenRecords();
    private final SinkRecord three = Events.record(TOPIC, 3, null);
    private final SinkRecord five = Events.record(TOPIC, 5, null);

    @Test
    void nothingBehindTheFirstOpenRecordIsCommitted() {
        open.add(List.of(three));
        open.add(List.of(five));
        assertThat(committable(9)).isEqualTo(3);
        open.done(List.of(five));
        assertThat(committable(9)).isEqualTo(3);
        open.done(List.of(three));
        assertThat(committable(9)).isEqualTo(9);
    }

    @Test
    void aRecordIsDoneWithTheLastOfItsWork() {
        // One change that leads to many roots by two routes.
        open.add(List.of(three));
        open.add(List.of(three));
        open.done(List.of(three));
        assertThat(committable(9)).isEqualTo(3);
        open.done(List.of(three));
        assertThat(committable(9)).isEqualTo(9);
    }

    @Test
    void noOffsetIsAheadOfWhatKafkaConnectHasTaken() {
        // A batch that is handed over again: Kafka Connect does not count its records as taken yet.
        open.add(List.of(five));
        assertThat(committable(4)).isEqualTo(4);
    }

    @Test
    void otherPartitionsGoOn() {
        open.add(List.of(three));
        TopicPartition other = new TopicPartition("shop.public.orders", 0);
        Map<TopicPartition, OffsetAndMetadata> taken = new HashMap<>(taken(9));
        taken.put(other, new OffsetAndMetadata(100));
        assertThat(open.committable(taken)).containsEntry(other, new OffsetAndMetadata(100));
    }

    @Test
    void aPartitionThatWasGivenAwayIsForgotten() {
        open.add(List.of(three));
        open.forget(List.of(new TopicPartition(TOPIC, 0)));
        assertThat(committable(9)).isEqualTo(9);
        open.done(List.of(three));
    }

    private long committable(long taken) {
        return open.committable(taken(taken)).get(new TopicPartition(TOPIC, 0)).offset();
    }

    private static Map<TopicPartition, OffsetAndMetadata> taken(long offset) {
        return Map.of(new TopicPartition(TOPIC, 0), new OffsetAndMetadata(offset));
    }
}
