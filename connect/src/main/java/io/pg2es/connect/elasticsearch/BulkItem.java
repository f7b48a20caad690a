package io.pg2es.connect.elasticsearch;

import java.util.Set;

/**
 * What Elasticsearch answered for one document of a bulk request.
 *
 * @param status the item's HTTP status
 * @param errorType Elasticsearch's name of the error; null without one
 * @param reason its words; null without an error
 */
record BulkItem(int status, String errorType, String reason) {
    private static final int OK = 200;
    private static final int MULTIPLE_CHOICES = 300;
    private static final int UNAUTHORIZED = 401;
    private static final int NOT_FOUND = 404;
    private static final int REQUEST_TIMEOUT = 408;
    private static final int CONFLICT = 409;
    private static final int TOO_MANY_REQUESTS = 429;
    private static final int INTERNAL_SERVER_ERROR = 500;
    private static final int SERVICE_UNAVAILABLE = 503;

    /** Errors of the index, not of the document, that pass: a full disk, a closed index. Their statuses vary. */
    private static final Set<String> INDEX_ERRORS = Set.of("cluster_block_exception", "index_closed_exception");

    /** Errors that concern every document until somebody mends the deployment. */
    private static final Set<String> FATAL_ERRORS = Set.of("index_not_found_exception", "security_exception");

    /** What follows for the document's root. */
    enum Outcome {
        WRITTEN,
        DELETED,
        /** Elasticsearch has the same or a newer version: done. */
        CONFLICT,
        /** Not acknowledged: again from the read. */
        AGAIN,
        /** No retry will help this document. */
        REJECTED,
        /** No retry will help any document. */
        FATAL
    }

    Outcome outcome(boolean isDelete) {
        if (status >= OK && status < MULTIPLE_CHOICES) {
            return isDelete ? Outcome.DELETED : Outcome.WRITTEN;
        }
        if (status == CONFLICT) {
            return Outcome.CONFLICT;
        }
        if (errorType == null && status == NOT_FOUND && isDelete) {
            return Outcome.DELETED;
        }
        if (status == UNAUTHORIZED || FATAL_ERRORS.contains(String.valueOf(errorType))) {
            return Outcome.FATAL;
        }
        if (status >= INTERNAL_SERVER_ERROR
                || status == TOO_MANY_REQUESTS
                || status == REQUEST_TIMEOUT
                || INDEX_ERRORS.contains(String.valueOf(errorType))) {
            return Outcome.AGAIN;
        }
        return Outcome.REJECTED;
    }

    /** Whether Elasticsearch fails over this item itself: it may do so each time, while it takes others. */
    boolean isServerError() {
        return status >= INTERNAL_SERVER_ERROR && status != SERVICE_UNAVAILABLE;
    }

    /** The error in Elasticsearch's words. */
    String describe() {
        return errorType == null ? "unknown_error: status " + status : errorType + ": " + reason;
    }
}
