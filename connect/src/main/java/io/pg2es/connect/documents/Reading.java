package io.pg2es.connect.documents;

import io.pg2es.connect.retry.TimeLimit;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What one transaction read.
 *
 * @param documents one for each distinct root that was asked for
 * @param left ids of the documents that did not fit: they are to be read again
 * @param roots by id, the roots that were asked for: a key may be written in several ways
 * @param deadline until when the documents may be written
 */
public record Reading(List<Document> documents, Set<String> left, Map<String, List<RootKey>> roots, TimeLimit deadline)
        implements ReadResult {

    /** Bytes of the documents in bulk requests. */
    public long bytes() {
        return documents.stream().mapToLong(Document::bulkBytes).sum();
    }
}
