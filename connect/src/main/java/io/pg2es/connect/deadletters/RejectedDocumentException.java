package io.pg2es.connect.deadletters;

import org.apache.kafka.connect.errors.DataException;

/** A document that Elasticsearch will never take as it is; the records that led to it become dead-letter records. */
public final class RejectedDocumentException extends DataException {
    private static final long serialVersionUID = 1L;

    public RejectedDocumentException(String message) {
        super(message);
    }
}
