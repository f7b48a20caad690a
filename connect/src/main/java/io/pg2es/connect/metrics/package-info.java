/**
 * What a task counts, and how JMX shows it.
 *
 * <p>A {@code Metric} has a name, a meaning and a way to add up; {@code docs/sink.md} lists them. {@code SinkMetrics} holds
 * the values of one task and is its MBean. The object name and the attributes are read by monitoring that pg2es does not
 * see: they are an interface, and change only with a word in the changelog.
 *
 * <p>Counting knows nothing of what is counted.
 */
package io.pg2es.connect.metrics;
