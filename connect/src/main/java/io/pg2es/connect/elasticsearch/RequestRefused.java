package io.pg2es.connect.elasticsearch;

/**
 * Elasticsearch, or a proxy before it, refuses a request as a whole and unread, for its size or for one of its actions.
 * Nothing of it was applied, so parts of it may be sent under the same versions.
 */
final class RequestRefused extends Exception {
    private static final long serialVersionUID = 1L;

    RequestRefused(String reason) {
        super(reason);
    }
}
