package io.pg2es.connect;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Writes docs/sink.md: {@code mvn -q -f connect/pom.xml compile exec:java > docs/sink.md}. */
public final class ConfigDocs {
    private ConfigDocs() {}

    public static void main(String[] arguments) {
        new PrintStream(System.out, true, StandardCharsets.UTF_8).print(markdown());
    }

    static String markdown() {
        return "TODO";
    }
}
