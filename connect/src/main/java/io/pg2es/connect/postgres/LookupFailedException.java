package io.pg2es.connect.postgres;

import java.sql.SQLException;
import java.util.Optional;

/**
 * A lookup of several values failed because of one of them, or took too long for all of them together: ask for fewer.
 *
 * <p>The session can be used further.
 */
public final class LookupFailedException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Null when it took too long. */
    private final String problem;

    LookupFailedException(SQLException cause) {
        super(PostgresErrors.withState(cause), cause);
        this.problem = PostgresErrors.isTooSlow(cause) ? null : PostgresErrors.withState(cause);
    }

    /** What PostgreSQL says of a value that leads nowhere; empty when the lookup took too long. */
    public Optional<String> problem() {
        return Optional.ofNullable(problem);
    }
}
