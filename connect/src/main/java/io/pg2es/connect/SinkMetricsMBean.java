package io.pg2es.connect;

/** Counters of one task since its start, under {@code io.pg2es:type=sink,pipeline=…,index=…,task=…}. */
public interface SinkMetricsMBean {
    /** Records taken from Kafka. */
    long getRecords();

    /** Records that went to the dead letters, for whatever reason. */
    long getDeadLetters();

    /** TRUNCATE events; after one the pipeline needs a backfill. */
    long getTruncates();

    /** Roots read from PostgreSQL, again for every try. */
    long getRootsRead();

    /** Documents written. */
    long getDocumentsWritten();

    /** Documents deleted; also those that were not there. */
    long getDocumentsDeleted();

    /** Documents that Elasticsearch had in a newer version already. */
    long getConflicts();

    /** Documents that Elasticsearch rejected for good. */
    long getRejected();

    /** Bulk requests sent. */
    long getBulkRequests();

    /** Bytes of the bulk requests sent. */
    long getBulkBytes();

    /** Passing failures after which the batch was tried again. */
    long getRetries();

    long getReadTotalMs();

    long getReadMaxMs();

    long getBulkTotalMs();

    long getBulkMaxMs();

    long getVisibilityWaitTotalMs();

    long getVisibilityWaitMaxMs();
}
