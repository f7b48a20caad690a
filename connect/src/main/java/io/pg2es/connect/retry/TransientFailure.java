package io.pg2es.connect.retry;

/** Something that passes by itself or by somebody's care outside: the batch is tried again, from the read. */
public class TransientFailure extends Exception {
    private static final long serialVersionUID = 1L;

    public TransientFailure(String message) {
        super(message);
    }

    public TransientFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
