package io.pg2es.connect.retry;

import java.time.Duration;

/** A moment on the monotonic clock. */
public record TimeLimit(long endNanos) {
    /** The moment that is this long from now. */
    public static TimeLimit in(Duration duration) {
        return new TimeLimit(System.nanoTime() + duration.toNanos());
    }

    /** The time until then; negative when it is over. */
    public Duration left() {
        return Duration.ofNanos(endNanos - System.nanoTime());
    }

    public boolean isOver() {
        return endNanos - System.nanoTime() <= 0;
    }
}
