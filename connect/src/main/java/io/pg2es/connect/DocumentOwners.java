package io.pg2es.connect;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrimaryLink link;

    DocumentOwners(PrimaryLink link) {
        this.link = link;
    }

    /** The roots of the ids, among those that were read together. */
    Map<String, RootKey> find(Set<String> ids, List<RootKey> roots) throws TransientFailure {
        Set<RootKey> unknown = new HashSet<>(roots);
        Map<String, RootKey> owners = new HashMap<>();
        for (String id : ids) {
            keyOf(id, roots.get(0).columns().size()).filter(unknown::remove).ifPresent(root -> owners.put(id, root));
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
            Optional<Reading> reading =
                    link.session().read(List.of(root), link.generation().epoch(), Long.MAX_VALUE);
            String id = reading.orElseThrow().documents().get(0).id();
            if (ids.contains(id)) {
                owners.put(id, root);
            }
        }
    }

    /** The key that an id stands for; whether the columns' types take it, PostgreSQL knows. */
    static Optional<RootKey> keyOf(String id, int columns) {
        if (columns == 1) {
            return Optional.of(new RootKey(List.of(id)));
        }
        try {
            JsonNode values = JSON.readTree(id);
            List<String> key = new ArrayList<>();
            for (JsonNode column : values) {
                key.add(column.textValue());
            }
            boolean isKey = values.isArray() && key.size() == columns && !key.contains(null);
            return isKey ? Optional.of(new RootKey(key)) : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }
}
