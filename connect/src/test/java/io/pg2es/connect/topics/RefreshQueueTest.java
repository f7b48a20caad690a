package io.pg2es.connect.topics;

import static org.assertj.core.api.Assertions.assertThat;

import io.pg2es.connect.config.TestConfig;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class RefreshQueueTest {
    private static final String NOW = "shop.orders-refresh";
    private static final String LATER = "shop.orders-refresh-later";
    private static final Duration DELAY = Duration.ofHours(1);

    private final SetClock clock = new SetClock();
    private final RefreshQueue queue = new RefreshQueue(TestConfig.config(), clock);

    @Test
    void partitionsTakeTurnsAndEachKeepsItsOrder() {
        SinkRecord one = record(NOW, 0, 7);
        SinkRecord two = record(NOW, 0, 8);
        SinkRecord other = record(NOW, 1, 3);
        List.of(one, two, other).forEach(queue::add);
        assertThat(queue.next()).contains(one);
        assertThat(queue.next()).contains(other);
        assertThat(queue.next()).contains(two);
        assertThat(queue.next()).isEmpty();
    }

    @Test
    void aRecordIsTakenOnceHoweverOftenItIsHandedOver() {
        assertThat(queue.add(record(NOW, 0, 7))).isTrue();
        queue.next();
        assertThat(queue.add(record(NOW, 0, 7))).isFalse();
        assertThat(queue.add(record(NOW, 0, 8))).isTrue();
        assertThat(queue.add(record(NOW, 1, 7))).isTrue();
    }

    @Test
    void aPartitionThatWasGivenAwayStartsAnew() {
        queue.add(record(NOW, 0, 7));
        queue.add(record(NOW, 1, 7));
        queue.forget(List.of(new TopicPartition(NOW, 0)));
        assertThat(queue.next()).contains(record(NOW, 1, 7));
        assertThat(queue.next()).isEmpty();
        assertThat(queue.add(record(NOW, 0, 7))).isTrue();
    }

    @Test
    void laterMeansNotBeforeTheDelayIsOver() {
        queue.add(record(LATER, 0, 0));
        assertThat(queue.untilNext()).contains(DELAY);
        clock.advance(DELAY.minusMillis(1));
        assertThat(queue.next()).isEmpty();
        assertThat(queue.untilNext()).contains(Duration.ofMillis(1));
        clock.advance(Duration.ofMillis(1));
        assertThat(queue.untilNext()).contains(Duration.ZERO);
        assertThat(queue.nextOf(NOW)).isEmpty();
        assertThat(queue.nextOf(LATER)).isPresent();
        assertThat(queue.untilNext()).isEmpty();
    }

    @Test
    void whatIsNotDueHoldsUpNothingElse() {
        queue.add(record(LATER, 0, 0));
        queue.add(record(NOW, 0, 0));
        assertThat(queue.untilNext()).contains(Duration.ZERO);
        assertThat(queue.next()).contains(record(NOW, 0, 0));
        assertThat(queue.untilNext()).contains(DELAY);
    }

    @Test
    void aPartitionHasEnoughUntilItsRecordsAreTakenOut() {
        TopicPartition partition = new TopicPartition(NOW, 0);
        for (int offset = 0; offset < 20; offset++) {
            assertThat(queue.hasEnough(partition)).isFalse();
            queue.add(record(NOW, 0, offset));
        }
        assertThat(queue.hasEnough(partition)).isTrue();
        assertThat(queue.hasEnough(new TopicPartition(NOW, 1))).isFalse();
        queue.next();
        assertThat(queue.hasEnough(partition)).isFalse();
    }

    @Test
    void aClockThatIsAheadHoldsUpNothingForLongerThanTheDelay() {
        queue.add(record(LATER, 0, 0, SetClock.START.plus(Duration.ofDays(400))));
        assertThat(queue.untilNext()).contains(DELAY);
        clock.advance(DELAY);
        assertThat(queue.next()).isPresent();
    }

    private SinkRecord record(String topic, int partition, long offset) {
        return record(topic, partition, offset, SetClock.START);
    }

    private SinkRecord record(String topic, int partition, long offset, Instant written) {
        return new SinkRecord(
                topic, partition, null, null, null, null, offset, written.toEpochMilli(), TimestampType.CREATE_TIME);
    }

    /** A clock that moves when it is told to. */
    private static final class SetClock extends Clock {
        private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
        private Instant now = START;

        void advance(Duration duration) {
            now = now.plus(duration);
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}
