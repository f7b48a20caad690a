package io.pg2es.connect.retry;

/** The time for one {@code put} is used up; the rest of the batch is done by the next one. */
public final class TimeIsUp extends TransientFailure {
    private static final long serialVersionUID = 1L;

    public TimeIsUp(String message) {
        super(message);
    }
}
