package io.pg2es.connect.refresh;

import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.postgres.PostgresSession;
import io.pg2es.connect.retry.Backoff;
import io.pg2es.connect.retry.TimeIsUp;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits until the transactions of a batch can be seen.
 *
 * <p>Logical decoding delivers a commit before other sessions see it; a read made meanwhile would miss the very change
 * that asked for it.
 */
public final class VisibilityWait {
    private static final Logger LOG = LoggerFactory.getLogger(VisibilityWait.class);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(50);

    private final Duration patience;
    private final SinkMetrics metrics;

    public VisibilityWait(Duration patience, SinkMetrics metrics) {
        this.patience = patience;
        this.metrics = metrics;
    }

    /**
     * Returns when every transaction is visible, or no longer worth waiting for.
     *
     * @param transactions low 32 bits of transaction ids; emptied by the wait, and by one that is cut short of those that
     *     need no waiting
     */
    public void await(Set<Long> transactions, PostgresSession session, TimeLimit limit) throws TransientFailure {
        if (transactions.isEmpty()) {
            return;
        }
        long start = System.nanoTime();
        TimeLimit inquiry = TimeLimit.in(patience);
        Backoff pauses = new Backoff(FIRST_PAUSE, LONGEST_PAUSE);
        while (!transactions.isEmpty() && !session.areVisible(transactions)) {
            if (inquiry.isOver()) {
                forgetLost(transactions, session);
                inquiry = TimeLimit.in(patience);
            }
            if (limit.isOver()) {
                throw new TimeIsUp("Still waiting until transactions " + first(transactions) + " are visible.");
            }
            pauses.pause();
        }
        transactions.clear();
        metrics.addTimeSince(start, Metric.VISIBILITY_WAIT_TOTAL, Metric.VISIBILITY_WAIT_MAX);
    }

    private static void forgetLost(Set<Long> transactions, PostgresSession session) throws TransientFailure {
        for (Long transaction : List.copyOf(transactions)) {
            if (!session.mayBecomeVisible(transaction)) {
                LOG.warn("Transaction {} will not become visible; its roots are read as they are now", transaction);
                transactions.remove(transaction);
            }
        }
        LOG.info("Waiting until transactions {} are visible", first(transactions));
    }

    private static List<Long> first(Set<Long> transactions) {
        return transactions.stream().limit(10).toList();
    }
}
