package io.pg2es.connect.documents;

/**
 * A document as PostgreSQL rendered it: two lines of a bulk request.
 *
 * @param id the document's id
 * @param action the action line: index or delete
 * @param source the document's line; null for a delete, and for a document that is too large to be brought over
 * @param sourceBytes its size; 0 for a delete
 */
// Documents are never compared, and lists of boxed bytes would be several times their size.
@SuppressWarnings("ArrayRecordComponent")
public record Document(String id, byte[] action, byte[] source, long sourceBytes) {

    /** Whether PostgreSQL has no such document. */
    public boolean isDelete() {
        return sourceBytes == 0;
    }

    /** Bytes in a bulk request, with the line ends. */
    public int bulkBytes() {
        return action.length + 1 + (source == null ? 0 : source.length + 1);
    }
}
