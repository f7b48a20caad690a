package io.pg2es.connect.retry;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class BackoffTest {
    @Test
    void pausesDoubleUpToTheLongestAndStartAgain() {
        Backoff backoff = new Backoff(Duration.ofMillis(100), Duration.ofMillis(300));
        assertThat(backoff.next()).isBetween(Duration.ofMillis(50), Duration.ofMillis(100));
        assertThat(backoff.next()).isBetween(Duration.ofMillis(100), Duration.ofMillis(200));
        assertThat(backoff.next()).isBetween(Duration.ofMillis(150), Duration.ofMillis(300));
        assertThat(backoff.next()).isBetween(Duration.ofMillis(150), Duration.ofMillis(300));
        backoff.reset();
        assertThat(backoff.next()).isBetween(Duration.ofMillis(50), Duration.ofMillis(100));
    }

    @Test
    void aPauseOfAMillisecondIsShortenedToo() {
        Backoff backoff = new Backoff(Duration.ofMillis(1), Duration.ofMillis(1));
        assertThat(backoff.next()).isBetween(Duration.ofNanos(500_000), Duration.ofMillis(1));
        assertThat(backoff.next()).isBetween(Duration.ofNanos(500_000), Duration.ofMillis(1));
    }
}
