package io.pg2es.connect.deadletters;

import java.util.List;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A record that no retry can mend.
 *
 * @param record the record as Kafka Connect handed it over
 * @param reasons why it is faulty; at least one
 */
public record FaultyRecord(SinkRecord record, List<DataException> reasons) {

    /** Where a record stands in Kafka: topic-partition@offset. */
    static String place(SinkRecord record) {
        return record.originalTopic() + "-" + record.originalKafkaPartition() + "@" + record.originalKafkaOffset();
    }

    /** One exception that stands for all reasons: a replay reads all roots of the record again anyway. */
    DataException summary() {
        DataException first = reasons.get(0);
        if (reasons.size() == 1) {
            return first;
        }
        String message = String.format("%s (%d more for this record.)", first.getMessage(), reasons.size() - 1);
        return first instanceof RejectedDocumentException
                ? new RejectedDocumentException(message)
                : new UnusableRecordException(message);
    }
}
