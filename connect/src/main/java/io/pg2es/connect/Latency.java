package io.pg2es.connect;

import java.time.Duration;
import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.atomic.LongAdder;

/** Total and longest duration of something that is done again and again. */
final class Latency {
    private final LongAdder totalNanos = new LongAdder();
    private final LongAccumulator maxNanos = new LongAccumulator(Math::max, 0);

    /** Records the time since a moment that {@link System#nanoTime()} gave. */
    void recordSince(long startNanos) {
        long nanos = System.nanoTime() - startNanos;
        totalNanos.add(nanos);
        maxNanos.accumulate(nanos);
    }

    long totalMs() {
        return Duration.ofNanos(totalNanos.sum()).toMillis();
    }

    long maxMs() {
        return Duration.ofNanos(maxNanos.get()).toMillis();
    }
}
