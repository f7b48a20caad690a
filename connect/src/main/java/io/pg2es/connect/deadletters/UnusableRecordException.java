package io.pg2es.connect.deadletters;

import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/** A record that does not say which roots changed; it becomes a dead-letter record. */
public final class UnusableRecordException extends DataException {
    private static final long serialVersionUID = 1L;

    /** With what is wrong with the record, to be made a sentence by {@link #of}, or with that sentence. */
    public UnusableRecordException(String message) {
        super(message);
    }

    /** The whole sentence: whose record, where it stands, and what is wrong with it. */
    public static UnusableRecordException of(String pipeline, SinkRecord record, String reason) {
        return new UnusableRecordException(String.format(
                "Pipeline %s cannot use the record at %s: %s.", pipeline, FaultyRecord.place(record), reason));
    }
}
