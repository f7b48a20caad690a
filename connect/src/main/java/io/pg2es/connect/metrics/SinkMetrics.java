package io.pg2es.connect.metrics;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.LongAccumulator;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanInfo;
import javax.management.MBeanServer;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A task's metrics and their MBean, {@code io.pg2es:type=sink,pipeline=…,index=…,task=…}.
 *
 * <p>Kafka Connect offers to keep them since 4.1 ({@code SinkTaskContext.pluginMetrics()}, KIP-877), and would save the
 * registration. But its beans are called {@code kafka.connect:type=plugins,connector=…,task=…}, and docs/sink.md promises
 * the name above: the rules of the JMX exporter, dashboards and alerts read it. A worker before 4.1 can run this sink, too.
 */
public final class SinkMetrics implements DynamicMBean, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SinkMetrics.class);
    /** Whose bean a name is: a task that Connect gave up on may stop after its successor started. */
    private static final ConcurrentMap<ObjectName, SinkMetrics> OWNERS = new ConcurrentHashMap<>();

    private final Map<Metric, LongAccumulator> values = new EnumMap<>(Metric.class);
    private final ObjectName name;

    public SinkMetrics(String pipeline, String index, String task) {
        for (Metric metric : Metric.values()) {
            values.put(metric, new LongAccumulator(metric.accumulation(), 0));
        }
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

    /** Shows the metrics, in the place of those of an earlier task of the same number. */
    public void register() {
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

    /** Takes the metrics away, unless a later task of the same number shows its own. */
    @Override
    public void close() {
        if (!OWNERS.remove(name, this)) {
            return;
        }
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name);
        } catch (JMException e) {
            LOG.debug("{} was not registered", name, e);
        }
    }

    /** Adds a value in the metric's own way; times are in nanoseconds. */
    public void add(Metric metric, long value) {
        values.get(metric).accumulate(value);
    }

    public void increment(Metric metric) {
        add(metric, 1);
    }

    /** Adds the time since a moment that {@link System#nanoTime()} gave. */
    public void addTimeSince(long startNanos, Metric total, Metric max) {
        long nanos = System.nanoTime() - startNanos;
        add(total, nanos);
        add(max, nanos);
    }

    /** What JMX shows. */
    public long get(Metric metric) {
        return metric.shown(values.get(metric).get());
    }

    @Override
    public Object getAttribute(String attribute) throws AttributeNotFoundException {
        for (Metric metric : Metric.values()) {
            if (metric.attribute().equals(attribute)) {
                return get(metric);
            }
        }
        throw new AttributeNotFoundException(attribute);
    }

    @Override
    public AttributeList getAttributes(String[] attributes) {
        AttributeList list = new AttributeList();
        for (Metric metric : Metric.values()) {
            if (Arrays.asList(attributes).contains(metric.attribute())) {
                list.add(new Attribute(metric.attribute(), get(metric)));
            }
        }
        return list;
    }

    @Override
    public MBeanInfo getMBeanInfo() {
        MBeanAttributeInfo[] attributes = Arrays.stream(Metric.values())
                .map(metric ->
                        new MBeanAttributeInfo(metric.attribute(), "long", metric.description(), true, false, false))
                .toArray(MBeanAttributeInfo[]::new);
        return new MBeanInfo(
                SinkMetrics.class.getName(), "Metrics of one task of the pg2es sink.", attributes, null, null, null);
    }

    @Override
    public void setAttribute(Attribute attribute) throws AttributeNotFoundException {
        throw new AttributeNotFoundException(attribute.getName() + " is read-only");
    }

    @Override
    public AttributeList setAttributes(AttributeList attributes) {
        return new AttributeList();
    }

    @Override
    public Object invoke(String action, Object[] parameters, String[] signature) {
        throw new UnsupportedOperationException(action);
    }
}
