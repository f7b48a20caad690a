package io.pg2es.connect;

import org.apache.kafka.connect.errors.DataException;

/** A record that does not say which roots changed; it goes to the dead letters. */
public final class UnusableRecordException extends DataException {
    private static final long serialVersionUID = 1L;

    UnusableRecordException(String message) {
        super(message);
    }
}
