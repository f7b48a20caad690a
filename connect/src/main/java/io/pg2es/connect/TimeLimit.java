package io.pg2es.connect;

import java.time.Duration;

/** A moment on the monotonic clock. */
record TimeLimit(long endNanos) {
    static TimeLimit in(Duration duration) {
        return new TimeLimit(System.nanoTime() + duration.toNanos());
    }

    Duration left() {
        return Duration.ofNanos(endNanos - System.nanoTime());
    }

    boolean isOver() {
        return endNanos - System.nanoTime() <= 0;
    }
}
