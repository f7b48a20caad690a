package io.pg2es.connect.records;

import io.pg2es.connect.deadletters.UnusableRecordException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/** The text of a column's value as PostgreSQL would read it. */
public final class ScalarText {
    private ScalarText() {}

    /**
     * Returns the text of a scalar.
     *
     * @param value what Kafka Connect's JsonConverter makes of a JSON scalar, with or without a schema
     * @throws UnusableRecordException when it is not a scalar
     */
    public static String of(Object value) {
        if (value instanceof String text) {
            return ofText(text);
        }
        if (value instanceof Boolean) {
            return value.toString();
        }
        if (value instanceof Double || value instanceof Float) {
            return ofFloating((Number) value);
        }
        if (value instanceof BigDecimal decimal) {
            return decimal.toPlainString();
        }
        if (value instanceof Number) {
            return value.toString();
        }
        if (value instanceof byte[] bytes) {
            return ofBytes(bytes);
        }
        if (value instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return ofBytes(bytes);
        }
        throw new UnusableRecordException("its value is a " + value.getClass().getSimpleName()
                + ", not a JSON scalar; the source connector needs decimal.handling.mode=string and "
                + "time.precision.mode=isostring");
    }

    private static String ofText(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new UnusableRecordException("its value holds a zero byte, which no text of PostgreSQL does");
        }
        return text;
    }

    private static String ofFloating(Number value) {
        double number = value.doubleValue();
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            return value.toString();
        }
        BigDecimal decimal = new BigDecimal(value.toString());
        // "1.0E10" is no integer to PostgreSQL; "10000000000" is one, and a float too.
        return decimal.stripTrailingZeros().toPlainString();
    }

    private static String ofBytes(byte[] bytes) {
        return "\\x" + HexFormat.of().formatHex(bytes);
    }
}
