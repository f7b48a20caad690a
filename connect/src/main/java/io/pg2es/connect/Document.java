package io.pg2es.connect;

/**
 * A document as PostgreSQL rendered it: two lines of a bulk request.
 *
 * @param id the document's id
 * @param action the action line: index or delete
 * @param source the document's line; null for a delete
 */
record Document(String id, byte[] action, byte[] source) {

    boolean isDelete() {
        return source == null;
    }

    int sourceBytes() {
        return source == null ? 0 : source.length;
    }

    /** Bytes in a bulk request, with the line ends. */
    int bulkBytes() {
        return action.length + 1 + (source == null ? 0 : source.length + 1);
    }
}
