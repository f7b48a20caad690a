package io.pg2es.connect.topics;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pg2es.connect.deadletters.UnusableRecordException;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.records.ScalarText;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * What a record of a refresh topic asks for: {@code {"keys": [["17"], ["18"]]}} or {@code {"all": true}}, either with an
 * {@code "index"} or for every generation of the pipeline.
 *
 * @param index the only index that is meant; empty: all
 * @param isAll whether every root and every document is to be refreshed
 * @param roots the roots otherwise
 */
record RefreshRequest(Optional<String> index, boolean isAll, List<RootKey> roots) {
    static final String INDEX = "index";
    static final String KEYS = "keys";
    static final String ALL = "all";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> KNOWN = new TreeSet<>(Set.of(INDEX, KEYS, ALL));

    /**
     * What a record asks for, in its key if it has no value: values are read by the converter of the tables' topics,
     * which may read no JSON.
     *
     * @param keyColumns how many columns a key of a root has
     * @throws UnusableRecordException when it is no such request
     */
    static RefreshRequest of(SinkRecord record, int keyColumns) {
        return parse(record.value() == null ? jsonOf(record.key()) : record.value(), keyColumns);
    }

    /** The request as the key of a record. */
    byte[] toBytes() {
        Map<String, Object> fields = new TreeMap<>();
        index.ifPresent(name -> fields.put(INDEX, name));
        fields.put(
                isAll ? ALL : KEYS,
                isAll ? true : roots.stream().map(RootKey::columns).toList());
        try {
            return JSON.writeValueAsBytes(fields);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object jsonOf(Object key) {
        if (!(key instanceof byte[] bytes)) {
            return null;
        }
        try {
            return JSON.readValue(bytes, Object.class);
        } catch (IOException e) {
            return null; // it may quote what nobody should read in a log
        }
    }

    private static RefreshRequest parse(Object request, int keyColumns) {
        if (!(request instanceof Map<?, ?> fields)) {
            throw new UnusableRecordException("it is no JSON object; " + expected(keyColumns));
        }
        Set<Object> unknown = new HashSet<>(fields.keySet());
        unknown.removeAll(KNOWN);
        if (!unknown.isEmpty()) {
            throw new UnusableRecordException("it has " + unknown + ", but known are " + KNOWN);
        }
        boolean isAll = Boolean.TRUE.equals(fields.get(ALL));
        if (isAll == fields.containsKey(KEYS) || (fields.containsKey(ALL) && !isAll)) {
            throw new UnusableRecordException(expected(keyColumns));
        }
        return new RefreshRequest(
                index(fields.get(INDEX)), isAll, isAll ? List.of() : roots(fields.get(KEYS), keyColumns));
    }

    private static String expected(int keyColumns) {
        String key = "[" + String.join(", ", Collections.nCopies(keyColumns, "\"…\"")) + "]";
        return "expected is {\"keys\": [" + key + ", …]} or {\"all\": true}, with an \"index\" or without";
    }

    private static Optional<String> index(Object index) {
        if (index == null) {
            return Optional.empty();
        }
        if (index instanceof String name) {
            return Optional.of(name);
        }
        throw new UnusableRecordException("its index is no text");
    }

    private static List<RootKey> roots(Object keys, int keyColumns) {
        if (!(keys instanceof List<?> list)) {
            throw new UnusableRecordException(expected(keyColumns));
        }
        List<RootKey> roots = new ArrayList<>(list.size());
        for (Object key : list) {
            roots.add(root(key, keyColumns));
        }
        return List.copyOf(roots);
    }

    private static RootKey root(Object key, int keyColumns) {
        if (!(key instanceof List<?> columns) || columns.size() != keyColumns || columns.contains(null)) {
            throw new UnusableRecordException("the key " + key + " does not fit; " + expected(keyColumns));
        }
        return new RootKey(columns.stream().map(ScalarText::of).toList());
    }

    /** Whether the request is for a generation. */
    boolean concerns(String generation) {
        return index.isEmpty() || index.get().equals(generation);
    }
}
