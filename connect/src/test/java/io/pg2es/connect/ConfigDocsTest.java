package io.pg2es.connect;

import static org.assertj.core.api.Assertions.assertThat;

import io.pg2es.connect.config.SinkKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigDocsTest {
    /** Maven runs tests in the module's folder. */
    private static final Path DOCUMENTATION = Path.of("..", "docs", "sink.md");

    @Test
    void theDocumentationIsThatOfTheCode() throws IOException {
        assertThat(Files.readString(DOCUMENTATION))
                .as("docs/sink.md; run `make docs`")
                .isEqualTo(ConfigDocs.markdown());
    }

    @Test
    void everyOptionIsThere() {
        for (String option : SinkKeys.CONFIG_DEF.names()) {
            assertThat(ConfigDocs.markdown()).contains("`" + option + "`");
        }
    }
}
