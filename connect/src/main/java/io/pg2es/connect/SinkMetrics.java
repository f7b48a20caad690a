package io.pg2es.connect;

import java.lang.management.ManagementFactory;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.LongAdder;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The task's counters, and their place in JMX. */
final class SinkMetrics implements SinkMetricsMBean {
    private static final Logger LOG = LoggerFactory.getLogger(SinkMetrics.class);
    /** Whose bean a name is: a task that Connect gave up on may stop after its successor started. */
    private static final ConcurrentMap<ObjectName, SinkMetrics> OWNERS = new ConcurrentHashMap<>();

    private final LongAdder records = new LongAdder();
    private final LongAdder deadLetters = new LongAdder();
    private final LongAdder truncates = new LongAdder();
    private final LongAdder rootsRead = new LongAdder();
    private final LongAdder documentsWritten = new LongAdder();
    private final LongAdder documentsDeleted = new LongAdder();
    private final LongAdder conflicts = new LongAdder();
    private final LongAdder rejected = new LongAdder();
    private final LongAdder bulkRequests = new LongAdder();
    private final LongAdder bulkBytes = new LongAdder();
    private final LongAdder retries = new LongAdder();
    private final Latency read = new Latency();
    private final Latency bulk = new Latency();
    private final Latency visibilityWait = new Latency();
    private final ObjectName name;

    SinkMetrics(String pipeline, String index, String task) {
        try {
            name = new ObjectName(String.format(
                    "io.pg2es:type=sink,pipeline=%s,index=%s,task=%s", quoted(pipeline), quoted(index), quoted(task)));
        } catch (MalformedObjectNameException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static String quoted(String value) {
        return value.matches("[\\w.-]+") ? value : ObjectName.quote(value);
    }

    /** Shows the counters, in the place of those of an earlier task of the same number. */
    void register() {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        try {
            if (OWNERS.put(name, this) != null) {
                server.unregisterMBean(name);
            }
            server.registerMBean(this, name);
        } catch (JMException e) {
            LOG.warn("Without metrics: {} cannot be registered", name, e);
        }
    }

    void unregister() {
        if (!OWNERS.remove(name, this)) {
            return;
        }
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name);
        } catch (JMException e) {
            LOG.debug("{} was not registered", name, e);
        }
    }

    void addRecords(int count) {
        records.add(count);
    }

    void addDeadLetter() {
        deadLetters.increment();
    }

    void addTruncate() {
        truncates.increment();
    }

    void addRootsRead(int count, long startNanos) {
        rootsRead.add(count);
        read.recordSince(startNanos);
    }

    void addBulkRequest(int bytes, long startNanos) {
        bulkRequests.increment();
        bulkBytes.add(bytes);
        bulk.recordSince(startNanos);
    }

    void addDocument(BulkItem.Outcome outcome) {
        switch (outcome) {
            case WRITTEN -> documentsWritten.increment();
            case DELETED -> documentsDeleted.increment();
            case CONFLICT -> conflicts.increment();
            case REJECTED -> rejected.increment();
            case AGAIN, FATAL -> {
                // Neither is an end for the document.
            }
        }
    }

    void addVisibilityWait(long startNanos) {
        visibilityWait.recordSince(startNanos);
    }

    void addRetry() {
        retries.increment();
    }

    @Override
    public long getRecords() {
        return records.sum();
    }

    @Override
    public long getDeadLetters() {
        return deadLetters.sum();
    }

    @Override
    public long getTruncates() {
        return truncates.sum();
    }

    @Override
    public long getRootsRead() {
        return rootsRead.sum();
    }

    @Override
    public long getDocumentsWritten() {
        return documentsWritten.sum();
    }

    @Override
    public long getDocumentsDeleted() {
        return documentsDeleted.sum();
    }

    @Override
    public long getConflicts() {
        return conflicts.sum();
    }

    @Override
    public long getRejected() {
        return rejected.sum();
    }

    @Override
    public long getBulkRequests() {
        return bulkRequests.sum();
    }

    @Override
    public long getBulkBytes() {
        return bulkBytes.sum();
    }

    @Override
    public long getRetries() {
        return retries.sum();
    }

    @Override
    public long getReadTotalMs() {
        return read.totalMs();
    }

    @Override
    public long getReadMaxMs() {
        return read.maxMs();
    }

    @Override
    public long getBulkTotalMs() {
        return bulk.totalMs();
    }

    @Override
    public long getBulkMaxMs() {
        return bulk.maxMs();
    }

    @Override
    public long getVisibilityWaitTotalMs() {
        return visibilityWait.totalMs();
    }

    @Override
    public long getVisibilityWaitMaxMs() {
        return visibilityWait.maxMs();
    }
}
