package io.pg2es.connect.config;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigException;

/** Checks of single options. Each message says what is allowed; Kafka puts the option and the value before it. */
public final class Validators {
    private static final Pattern FORBIDDEN_IN_INDEX = Pattern.compile("[\\\\/*?\"<>| ,#:]");
    private static final int INDEX_MAX_BYTES = 255;

    public static final Validator TEXT = text("some text", value -> !value.isBlank());
    static final Validator JDBC_URL = text(
            "a JDBC URL of PostgreSQL, jdbc:postgresql://host:port/database, without a password",
            value -> value.startsWith("jdbc:postgresql:") && !value.contains("password="));
    static final Validator INDEX = text(
            "an index name: lower case, at most 255 bytes, without \\ / * ? \" < > | , # : or a space, and not starting "
                    + "with - _ or +",
            Validators::isIndexName);
    static final Validator READABLE_FILE =
            text("a file that the worker can read", value -> value.isEmpty() || Files.isReadable(Path.of(value)));
    static final Validator NAMES = list("one name or more, none twice", Validators::areNames);
    static final Validator HTTP_URLS = list(
            "one URL or more, http://host:port or https://host:port, all of them with the same path",
            Validators::areHttpUrls);

    private Validators() {}

    static Validator between(long least, long most) {
        return check("a number from " + least + " to " + most, value -> {
            long number = ((Number) value).longValue();
            return least <= number && number <= most;
        });
    }

    private static Validator text(String allowed, Function<String, Boolean> test) {
        return check(allowed, value -> test.apply((String) value));
    }

    private static Validator list(String allowed, Function<List<?>, Boolean> test) {
        return check(allowed, value -> test.apply((List<?>) value));
    }

    private static Validator check(String allowed, Function<Object, Boolean> test) {
        return new Validator() {
            @Override
            public void ensureValid(String key, Object value) {
                // Kafka itself reports a missing value.
                if (value != null && !test.apply(value)) {
                    throw new ConfigException(key, value, "Allowed is " + allowed + ".");
                }
            }

            @Override
            public String toString() {
                return allowed;
            }
        };
    }

    private static boolean isIndexName(String name) {
        return !name.isEmpty()
                && name.equals(name.toLowerCase(Locale.ROOT))
                && "-_+".indexOf(name.charAt(0)) < 0
                && !name.equals(".")
                && !name.equals("..")
                && !FORBIDDEN_IN_INDEX.matcher(name).find()
                && name.getBytes(StandardCharsets.UTF_8).length <= INDEX_MAX_BYTES;
    }

    private static boolean areNames(List<?> names) {
        return !names.isEmpty()
                && new HashSet<>(names).size() == names.size()
                && names.stream().noneMatch(name -> name.toString().isBlank());
    }

    private static boolean areHttpUrls(List<?> urls) {
        Set<String> paths = new TreeSet<>();
        for (Object url : urls) {
            try {
                URI uri = URI.create(url.toString());
                boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
                if (!http || uri.getHost() == null || uri.getQuery() != null || uri.getUserInfo() != null) {
                    return false;
                }
                paths.add(uri.getPath().replaceFirst("/$", ""));
            } catch (IllegalArgumentException notAUrl) {
                return false;
            }
        }
        return paths.size() == 1;
    }
}
