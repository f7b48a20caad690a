package io.pg2es.connect.deadletters;

import org.apache.kafka.connect.errors.DataException;

/**
 * A document that Elasticsearch will never take, or PostgreSQL never make, as its rows are; the records that led to it
 * become dead-letter records.
 */
public final class RejectedDocumentException extends DataException {
    private static final long serialVersionUID = 1L;

    public RejectedDocumentException(String message) {
        super(message);
    }

    /**
     * The whole sentence.
     *
     * @param reason the kind of error in a word, a colon, a sentence: replay groups dead-letter records by the first
     */
    public static RejectedDocumentException of(String pipeline, String document, String index, String reason) {
        return new RejectedDocumentException(String.format(
                "Pipeline %s: document %s was rejected for index %s: %s.", pipeline, document, index, reason));
    }
}
