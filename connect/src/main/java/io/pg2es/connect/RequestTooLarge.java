package io.pg2es.connect;

/** Elasticsearch, or a proxy before it, takes no request of this size. */
final class RequestTooLarge extends Exception {
    private static final long serialVersionUID = 1L;
}
