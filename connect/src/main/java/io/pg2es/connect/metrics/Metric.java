package io.pg2es.connect.metrics;

import java.time.Duration;
import java.util.function.LongBinaryOperator;

/** What a task counts since its start; each is an attribute of its MBean. */
public enum Metric {
    RECORDS("Records", "Records taken from Kafka."),
    DEAD_LETTERS("DeadLetters", "Dead-letter records, for whatever reason."),
    TRUNCATES("Truncates", "TRUNCATE events; after one, every document is refreshed."),
    ROOTS_READ("RootsRead", "Roots read from PostgreSQL, again for every try."),
    DOCUMENTS_WRITTEN("DocumentsWritten", "Documents written."),
    DOCUMENTS_DELETED("DocumentsDeleted", "Documents deleted, those included that were not there."),
    CONFLICTS("Conflicts", "Documents that Elasticsearch already had in a newer version."),
    REJECTED("Rejected", "Documents rejected for good."),
    RETRIES("Retries", "Passing failures, after each of which the batch was tried again."),
    LOOKUPS_SPREAD("LookupsSpread", "Lookups that led to so many roots that they went to the refresh topic."),
    PAGES_WRITTEN("PagesWritten", "Records written to the refresh topics, those of deleted roots included."),
    REQUESTS_TAKEN("RequestsTaken", "Records taken from the refresh topics."),
    BULK_REQUESTS("BulkRequests", "Bulk requests answered."),
    BULK_BYTES("BulkBytes", "Bytes of these requests."),
    BULK_TOTAL("BulkTotalMs", Kind.TOTAL_TIME, "Time they took, in milliseconds."),
    BULK_MAX("BulkMaxMs", Kind.LONGEST_TIME, "Time the slowest took."),
    READ_TOTAL("ReadTotalMs", Kind.TOTAL_TIME, "Time the reads took: version, documents, flush and COMMIT."),
    READ_MAX("ReadMaxMs", Kind.LONGEST_TIME, "Time the slowest took."),
    VISIBILITY_WAIT_TOTAL(
            "VisibilityWaitTotalMs", Kind.TOTAL_TIME, "Time spent waiting until transactions were visible."),
    VISIBILITY_WAIT_MAX("VisibilityWaitMaxMs", Kind.LONGEST_TIME, "Longest such wait.");

    private enum Kind {
        COUNT,
        TOTAL_TIME,
        LONGEST_TIME
    }

    private final String attribute;
    private final Kind kind;
    private final String description;

    Metric(String attribute, String description) {
        this(attribute, Kind.COUNT, description);
    }

    Metric(String attribute, Kind kind, String description) {
        this.attribute = attribute;
        this.kind = kind;
        this.description = description;
    }

    /** Its name in JMX. */
    public String attribute() {
        return attribute;
    }

    public String description() {
        return description;
    }

    /** How a new value changes the old one. Times are kept in nanoseconds. */
    LongBinaryOperator accumulation() {
        return kind == Kind.LONGEST_TIME ? Math::max : Long::sum;
    }

    /** What JMX shows for the accumulated value. */
    long shown(long value) {
        return kind == Kind.COUNT ? value : Duration.ofNanos(value).toMillis();
    }
}
