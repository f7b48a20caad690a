package io.pg2es.connect.retry;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.utils.ExponentialBackoff;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * Pauses that double from the first to the longest, each shortened at random by up to a half.
 *
 * <p>Kafka's {@code ExponentialBackoff} computes them; this counts the tries and sleeps.
 */
public final class Backoff {
    private static final int MULTIPLIER = 2;
    /** Kafka's jitter goes to both sides: a third of three quarters reaches from the half to the whole. */
    private static final double MIDDLE = 0.75;

    private static final double JITTER = 1.0 / 3;

    /** In nanoseconds: Kafka computes in whole numbers, which would leave nothing of a millisecond. */
    private final ExponentialBackoff pauses;

    private long tries;

    public Backoff(Duration first, Duration longest) {
        this.pauses = new ExponentialBackoff((long) (MIDDLE * first.toNanos()), MULTIPLIER, longest.toNanos(), JITTER);
    }

    /** The next pause is the first again. */
    public void reset() {
        tries = 0;
    }

    /** The pause to make now; the next one is twice as long. */
    public Duration next() {
        return Duration.ofNanos(pauses.backoff(tries++));
    }

    /** Makes the next pause. */
    public void pause() {
        try {
            TimeUnit.NANOSECONDS.sleep(next().toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("The task was interrupted.", e);
        }
    }
}
