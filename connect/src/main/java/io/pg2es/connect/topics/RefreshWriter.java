package io.pg2es.connect.topics;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.errors.ConnectException;

/** Writes requests of this generation into the refresh topics. Several threads may write at the same time. */
public final class RefreshWriter implements AutoCloseable {
    /** Records on their way; enough that Kafka never waits for the next one. */
    private static final int IN_FLIGHT = 100;

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration CLOSE_TIME = Duration.ofSeconds(1);
    /** What no waiting mends. */
    private static final Set<Class<? extends KafkaException>> PERMANENT = Set.of(
            AuthenticationException.class,
            AuthorizationException.class,
            InvalidTopicException.class,
            RecordTooLargeException.class);

    private final SinkConfig config;
    private final SinkMetrics metrics;
    private final Producer<byte[], byte[]> producer;

    /** @param task the task's number, as part of the client's name */
    public RefreshWriter(SinkConfig config, String task, SinkMetrics metrics) {
        this(
                config,
                metrics,
                new KafkaProducer<>(properties(config, task), new ByteArraySerializer(), new ByteArraySerializer()));
    }

    /** With a producer of one's own. */
    RefreshWriter(SinkConfig config, SinkMetrics metrics, Producer<byte[], byte[]> producer) {
        this.config = config;
        this.metrics = metrics;
        this.producer = producer;
    }

    private static Map<String, Object> properties(SinkConfig config, String task) {
        Map<String, Object> properties = new HashMap<>();
        properties.put(ProducerConfig.CLIENT_ID_CONFIG, "pg2es-sink-" + config.index() + "-" + task);
        properties.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, (int) PATIENCE.toMillis());
        properties.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, (int) PATIENCE.toMillis() / 3);
        properties.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, PATIENCE.toMillis());
        properties.putAll(config.kafkaProperties());
        // Not for anybody to change: nothing counts as done before every replica in sync has it.
        properties.put(ProducerConfig.ACKS_CONFIG, "all");
        return properties;
    }

    /** Asks for these roots in a topic, and returns when Kafka has it. */
    void writeRoots(String topic, Collection<RootKey> roots) throws TransientFailure {
        Pages pages = pagesOf(topic);
        for (RootKey root : roots) {
            pages.add(root);
        }
        pages.finish();
    }

    /** Asks for everything in a topic, and returns when Kafka has it. */
    void writeAll(String topic) throws TransientFailure {
        Pages pages = pagesOf(topic);
        pages.send(new RefreshRequest(Optional.of(config.index()), true, List.of()));
        pages.finish();
    }

    Pages pagesOf(String topic) {
        return new Pages(topic);
    }

    /** Roots on their way into one topic, page by page; written when {@link #finish} has returned. */
    final class Pages {
        private final String topic;
        private final List<RootKey> page = new ArrayList<>();
        private final ArrayDeque<Future<RecordMetadata>> unacknowledged = new ArrayDeque<>();

        private Pages(String topic) {
            this.topic = topic;
        }

        void add(RootKey root) throws TransientFailure {
            page.add(root);
            if (page.size() == config.pageRoots()) {
                sendPage();
            }
        }

        void finish() throws TransientFailure {
            sendPage();
            while (!unacknowledged.isEmpty()) {
                await(unacknowledged.remove());
            }
        }

        private void sendPage() throws TransientFailure {
            if (page.isEmpty()) {
                return;
            }
            send(new RefreshRequest(Optional.of(config.index()), false, List.copyOf(page)));
            page.clear();
        }

        /** By its key a request comes to one partition or another, and so to one task or another. */
        private void send(RefreshRequest request) throws TransientFailure {
            if (unacknowledged.size() == IN_FLIGHT) {
                await(unacknowledged.remove());
            }
            try {
                unacknowledged.add(producer.send(new ProducerRecord<>(topic, request.toBytes(), null)));
            } catch (KafkaException e) {
                throw translate(e);
            }
            metrics.increment(Metric.PAGES_WRITTEN);
        }

        private void await(Future<RecordMetadata> sent) throws TransientFailure {
            try {
                sent.get();
            } catch (ExecutionException e) {
                throw translate(e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ConnectException("The task was interrupted.", e);
            }
        }

        private TransientFailure translate(Throwable error) {
            String problem = String.format(
                    "Pipeline %s: Kafka did not take a record for %s: %s.",
                    config.pipeline(), topic, String.valueOf(error.getMessage()).replaceFirst("\\.$", ""));
            if (PERMANENT.stream().anyMatch(type -> type.isInstance(error))) {
                throw new ConnectException(problem + " Mend the options that begin with " + SinkKeys.KAFKA_PREFIX
                        + ", or the rights of their user.");
            }
            return new TransientFailure(problem, error);
        }
    }

    @Override
    public void close() {
        producer.close(CLOSE_TIME);
    }
}
