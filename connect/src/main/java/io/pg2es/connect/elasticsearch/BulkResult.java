package io.pg2es.connect.elasticsearch;

import io.pg2es.connect.deadletters.RejectedDocumentException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What became of the documents of one reading, by their ids; those named nowhere are acknowledged. */
public final class BulkResult {
    private final Set<String> again = new LinkedHashSet<>();
    private final Map<String, RejectedDocumentException> failing = new LinkedHashMap<>();
    private final Map<String, RejectedDocumentException> rejected = new LinkedHashMap<>();
    private final List<String> deleted = new ArrayList<>();
    private String reason = "";

    /** Documents that must be read and written again. */
    public Set<String> again() {
        return again;
    }

    /** Those of them over which Elasticsearch fails itself, with what is to be said when it always does. */
    public Map<String, RejectedDocumentException> failing() {
        return failing;
    }

    /** Why the first of them must. */
    public String reason() {
        return reason;
    }

    public Map<String, RejectedDocumentException> rejected() {
        return rejected;
    }

    /** Documents that Elasticsearch has no more. */
    public List<String> deleted() {
        return deleted;
    }

    public boolean isAllAcknowledged() {
        return again.isEmpty() && rejected.isEmpty();
    }

    void addAgain(String id, String why) {
        if (again.isEmpty()) {
            reason = why;
        }
        again.add(id);
    }

    void addFailing(String id, RejectedDocumentException why) {
        failing.put(id, why);
    }

    void addRejected(String id, RejectedDocumentException why) {
        rejected.put(id, why);
    }

    void addDeleted(String id) {
        deleted.add(id);
    }
}
