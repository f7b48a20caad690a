package io.pg2es.connect;

import org.apache.kafka.connect.errors.DataException;

/** A document that Elasticsearch will never take as it is; the records that led to it go to the dead letters. */
public final class RejectedDocumentException extends DataException {
    private static final long serialVersionUID = 1L;

    RejectedDocumentException(String message) {
        super(message);
    }
}
