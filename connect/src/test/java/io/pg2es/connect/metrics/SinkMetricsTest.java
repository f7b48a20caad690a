package io.pg2es.connect.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

class SinkMetricsTest {
    private static final MBeanServer SERVER = ManagementFactory.getPlatformMBeanServer();

    @Test
    void countersAndTimesAreAttributes() throws JMException {
        SinkMetrics metrics = new SinkMetrics("counting", "i-000001", "0");
        ObjectName name = new ObjectName("io.pg2es:type=sink,pipeline=counting,index=i-000001,task=0");
        metrics.register();
        metrics.add(Metric.ROOTS_READ, 5);
        metrics.increment(Metric.ROOTS_READ);
        long fiveSecondsAgo = System.nanoTime() - 5_000_000_000L;
        metrics.addTimeSince(fiveSecondsAgo, Metric.BULK_TOTAL, Metric.BULK_MAX);
        metrics.addTimeSince(fiveSecondsAgo, Metric.BULK_TOTAL, Metric.BULK_MAX);

        assertThat(SERVER.getAttribute(name, "RootsRead")).isEqualTo(6L);
        assertThat((long) SERVER.getAttribute(name, "BulkTotalMs")).isBetween(10_000L, 11_000L);
        assertThat((long) SERVER.getAttribute(name, "BulkMaxMs")).isBetween(5_000L, 6_000L);
        assertThat(SERVER.getMBeanInfo(name).getAttributes()).hasSameSizeAs(Metric.values());

        metrics.close();
        assertThat(SERVER.isRegistered(name)).isFalse();
    }

    @Test
    void aLateStopDoesNotTakeTheSuccessorsBean() throws JMException {
        SinkMetrics givenUp = new SinkMetrics("late, stop", "i", "0");
        SinkMetrics successor = new SinkMetrics("late, stop", "i", "0");
        ObjectName name = new ObjectName("io.pg2es:type=sink,pipeline=\"late, stop\",index=i,task=0");
        givenUp.register();
        successor.register();
        successor.add(Metric.RECORDS, 3);

        givenUp.close();

        assertThat(SERVER.getAttribute(name, "Records")).isEqualTo(3L);
        successor.close();
        assertThat(SERVER.isRegistered(name)).isFalse();
    }
}
