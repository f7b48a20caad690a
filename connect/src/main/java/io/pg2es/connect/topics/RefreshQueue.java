package io.pg2es.connect.topics;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.records.OpenRecords;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Records of the refresh topics that wait for their turn, each partition's in its order.
 *
 * <p>Those of refresh-later wait besides until they are as old as its delay: a queue of constant delay, in which nothing
 * is due before its head.
 */
final class RefreshQueue {
    /** Records of one partition that may wait in memory, beyond those that one poll brings. */
    private static final int ENOUGH = 20;

    private final String laterTopic;
    private final Duration laterDelay;
    private final Clock clock;
    private final Map<TopicPartition, Waiting> partitions = new LinkedHashMap<>();

    /** A record, and when it is due, in milliseconds since the epoch. */
    private record Due(SinkRecord record, long at) {}

    /** What is left of one partition, and how far it was taken: Kafka Connect may hand records over twice. */
    private static final class Waiting {
        private final ArrayDeque<Due> records = new ArrayDeque<>();
        private long last = -1;
    }

    RefreshQueue(SinkConfig config, Clock clock) {
        this.laterTopic = config.refreshLaterTopic();
        this.laterDelay = config.refreshLaterDelay();
        this.clock = clock;
    }

    /** Puts a record in its place; returns false when it has been there before. */
    boolean add(SinkRecord record) {
        Waiting waiting = partitions.computeIfAbsent(OpenRecords.partitionOf(record), key -> new Waiting());
        if (record.originalKafkaOffset() <= waiting.last) {
            return false;
        }
        waiting.last = record.originalKafkaOffset();
        waiting.records.add(new Due(record, dueAt(record)));
        return true;
    }

    /** Takes out a record that is due; a partition that gave one comes last the next time. */
    Optional<SinkRecord> next() {
        return next(record -> true);
    }

    /** The same, of one topic. */
    Optional<SinkRecord> nextOf(String topic) {
        return next(record -> record.topic().equals(topic));
    }

    private Optional<SinkRecord> next(Predicate<SinkRecord> wanted) {
        for (Iterator<Map.Entry<TopicPartition, Waiting>> all =
                        partitions.entrySet().iterator();
                all.hasNext(); ) {
            Map.Entry<TopicPartition, Waiting> partition = all.next();
            Due head = partition.getValue().records.peek();
            if (head != null && wanted.test(head.record()) && untilDue(head).isZero()) {
                partition.getValue().records.remove();
                all.remove();
                partitions.put(partition.getKey(), partition.getValue());
                return Optional.of(head.record());
            }
        }
        return Optional.empty();
    }

    /** How long until a record is due; empty when none waits. */
    Optional<Duration> untilNext() {
        return partitions.values().stream()
                .filter(waiting -> !waiting.records.isEmpty())
                .map(waiting -> untilDue(waiting.records.peek()))
                .min(Duration::compareTo);
    }

    /** Whoever writes by a clock that is ahead holds up the partition no longer than the delay. */
    private long dueAt(SinkRecord record) {
        return record.topic().equals(laterTopic) && record.timestamp() != null
                ? Math.min(record.timestamp(), clock.millis()) + laterDelay.toMillis()
                : 0;
    }

    private Duration untilDue(Due due) {
        return Duration.ofMillis(Math.max(0, due.at() - clock.millis()));
    }

    /** Whether so many records of a partition wait that no more should be read. */
    boolean hasEnough(TopicPartition partition) {
        Waiting waiting = partitions.get(partition);
        return waiting != null && waiting.records.size() >= ENOUGH;
    }

    /** The partitions belong to another task now, or are read again from what was committed. */
    void forget(Collection<TopicPartition> gone) {
        partitions.keySet().removeAll(gone);
    }
}
