package io.pg2es.connect.postgres;

import io.pg2es.connect.retry.TransientFailure;

/** A failure of PostgreSQL that passes; the session is of no more use. */
public final class PostgresFailure extends TransientFailure {
    private static final long serialVersionUID = 1L;

    PostgresFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
