package io.pg2es.connect;

/** The time for one {@code put} is used up; the rest of the batch is done by the next one. */
final class TimeIsUp extends TransientFailure {
    private static final long serialVersionUID = 1L;

    TimeIsUp(String message) {
        super(message);
    }
}
