package io.pg2es.connect.documents;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The key of a root: the text of each key column, in key order. */
public record RootKey(List<String> columns) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** The key that an id stands for; whether the columns' types take it, PostgreSQL knows. */
    public static Optional<RootKey> ofDocument(String id, int columns) {
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
