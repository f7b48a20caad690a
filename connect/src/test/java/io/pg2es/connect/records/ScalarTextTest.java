package io.pg2es.connect.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pg2es.connect.deadletters.UnusableRecordException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ScalarTextTest {
    static Stream<Arguments> scalars() {
        return Stream.of(
                Arguments.of("a 'quoted' \\ text", "a 'quoted' \\ text"),
                Arguments.of("", ""),
                Arguments.of(true, "true"),
                Arguments.of(false, "false"),
                Arguments.of((short) -3, "-3"),
                Arguments.of(42, "42"),
                Arguments.of(Long.MIN_VALUE, "-9223372036854775808"),
                Arguments.of(1.0e10, "10000000000"),
                Arguments.of(1.5e-7, "0.00000015"),
                Arguments.of(0.1f, "0.1"),
                Arguments.of(0.0, "0"),
                Arguments.of(Double.NaN, "NaN"),
                Arguments.of(Double.NEGATIVE_INFINITY, "-Infinity"),
                Arguments.of(new BigDecimal("1E+30"), "1000000000000000000000000000000"),
                Arguments.of(new BigDecimal("1.50"), "1.50"),
                Arguments.of(new byte[] {0, (byte) 0xff}, "\\x00ff"),
                Arguments.of(ByteBuffer.wrap(new byte[] {10}), "\\x0a"));
    }

    @ParameterizedTest
    @MethodSource("scalars")
    void aScalarBecomesTheTextThatPostgresReads(Object value, String text) {
        assertThat(ScalarText.of(value)).isEqualTo(text);
    }

    @Test
    void aZeroByteIsRefused() {
        assertThatThrownBy(() -> ScalarText.of("a\0b"))
                .isInstanceOf(UnusableRecordException.class)
                .hasMessageContaining("zero byte");
    }

    // Kafka Connect itself makes a Date of its logical types.
    @SuppressWarnings("JavaUtilDate")
    @Test
    void anythingElseIsRefusedWithTheSettingToMend() {
        for (Object value : List.of(new Date(), List.of(1))) {
            assertThatThrownBy(() -> ScalarText.of(value))
                    .isInstanceOf(UnusableRecordException.class)
                    .hasMessageContaining("time.precision.mode=isostring");
        }
    }
}
