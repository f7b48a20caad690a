package io.pg2es.connect.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.retry.TransientFailure;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DocumentOwnersTest {
    /** Needs no database as long as the ids are the keys' own texts. */
    private final DocumentOwners owners = new DocumentOwners(null);

    @Test
    void theIdOfASimpleKeyIsItsText() throws TransientFailure {
        assertThat(owners.find(Set.of("[\"b\"]"), List.of(root("a"), root("[\"b\"]"))))
                .containsEntry("[\"b\"]", root("[\"b\"]"))
                .hasSize(1);
    }

    @Test
    void theIdOfACompositeKeyIsAnArray() throws TransientFailure {
        assertThat(owners.find(Set.of("[\"a\\\"\", \"1\"]"), List.of(root("a", "1"), root("a\"", "1"))))
                .containsEntry("[\"a\\\"\", \"1\"]", root("a\"", "1"))
                .hasSize(1);
    }

    private static RootKey root(String... columns) {
        return new RootKey(List.of(columns));
    }
}
