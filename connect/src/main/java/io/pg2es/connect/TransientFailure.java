package io.pg2es.connect;

/** Something that passes by itself or by somebody's care outside: the batch is tried again, from the read. */
class TransientFailure extends Exception {
    private static final long serialVersionUID = 1L;

    TransientFailure(String message) {
        super(message);
    }

    TransientFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
