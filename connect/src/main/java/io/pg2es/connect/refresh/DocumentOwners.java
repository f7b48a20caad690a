package io.pg2es.connect.refresh;

import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.documents.ReadResult;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.retry.TransientFailure;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * Finds the roots of documents by their ids.
 *
 * <p>An id is the root's key as PostgreSQL writes it: the text of the one column, or a JSON array of the texts of several.
 * A key that the event wrote otherwise (a timestamp, a number with trailing zeros) is not found by its text; then
 * PostgreSQL is asked for the ids one root at a time.
 */
final class DocumentOwners {
    private final PrimaryLink link;

    DocumentOwners(PrimaryLink link) {
        this.link = link;
    }

    /** The roots of the ids, among those that were read together. */
    Map<String, RootKey> find(Set<String> ids, List<RootKey> roots) throws TransientFailure {
        Set<RootKey> unknown = new HashSet<>(roots);
        Map<String, RootKey> owners = new HashMap<>();
        for (String id : ids) {
            RootKey.ofDocument(id, roots.get(0).columns().size())
                    .filter(unknown::remove)
                    .ifPresent(root -> owners.put(id, root));
        }
        if (owners.size() < ids.size()) {
            ask(ids, unknown, owners);
        }
        if (owners.size() < ids.size()) {
            throw new ConnectException(String.format(
                    "%s returned documents that belong to none of the roots it was asked for, among them %s. Deploy the "
                            + "connector again with pg2es.",
                    SinkKeys.SQL_DOCUMENTS,
                    ids.stream()
                            .filter(id -> !owners.containsKey(id))
                            .findFirst()
                            .orElseThrow()));
        }
        return owners;
    }

    private void ask(Set<String> ids, Set<RootKey> unknown, Map<String, RootKey> owners) throws TransientFailure {
        for (RootKey root : unknown) {
            ReadResult result =
                    link.session().read(List.of(root), link.generation().epoch(), Long.MAX_VALUE);
            // One that cannot be read now was read before, and is none of the others.
            if (result instanceof Reading reading
                    && ids.contains(reading.documents().get(0).id())) {
                owners.put(reading.documents().get(0).id(), root);
            }
        }
    }
}
