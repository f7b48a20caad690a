package io.pg2es.connect.records;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Records whose work goes on after {@code put} has returned: no offset behind one of them is committed.
 *
 * <p>Two threads use it. A record may be done here although its partition was given away and came back meanwhile: what it
 * asked for has been done all the same.
 */
public final class OpenRecords {
    /** By offset, how many pieces of work a record has. */
    private final Map<TopicPartition, TreeMap<Long, Integer>> offsets = new HashMap<>();

    /** A piece of work begins for each of the records. */
    public synchronized void add(Collection<SinkRecord> records) {
        for (SinkRecord record : records) {
            offsets.computeIfAbsent(partitionOf(record), key -> new TreeMap<>())
                    .merge(record.originalKafkaOffset(), 1, Integer::sum);
        }
    }

    /** A piece of work is done for each of the records; so are those that have no other. */
    public synchronized void done(Collection<SinkRecord> records) {
        for (SinkRecord record : records) {
            TreeMap<Long, Integer> open = offsets.get(partitionOf(record));
            if (open != null) {
                open.computeIfPresent(record.originalKafkaOffset(), (offset, left) -> left == 1 ? null : left - 1);
            }
        }
    }

    /** The partitions belong to another task now, or are read again from what was committed. */
    public synchronized void forget(Collection<TopicPartition> partitions) {
        offsets.keySet().removeAll(partitions);
    }

    /**
     * How far offsets may be committed.
     *
     * @param taken for each partition the offset behind the last record that was taken
     * @return for each the offset behind the last record before which everything is done
     */
    public synchronized Map<TopicPartition, OffsetAndMetadata> committable(
            Map<TopicPartition, OffsetAndMetadata> taken) {
        Map<TopicPartition, OffsetAndMetadata> committable = new HashMap<>(taken);
        offsets.forEach((partition, open) -> {
            OffsetAndMetadata end = taken.get(partition);
            if (end != null && !open.isEmpty() && open.firstKey() < end.offset()) {
                committable.put(partition, new OffsetAndMetadata(open.firstKey()));
            }
        });
        return committable;
    }

    /** The partition of Kafka that a record comes from, whatever a transformation has made of its topic. */
    public static TopicPartition partitionOf(SinkRecord record) {
        return new TopicPartition(record.originalTopic(), record.originalKafkaPartition());
    }
}
