package io.pg2es.connect.elasticsearch;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.config.SinkKeys;
import io.pg2es.connect.deadletters.RejectedDocumentException;
import io.pg2es.connect.documents.Document;
import io.pg2es.connect.documents.Reading;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.retry.TransientFailure;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.connect.errors.ConnectException;
import org.elasticsearch.client.Response;

/**
 * Writes the documents of one reading to Elasticsearch: step 5 of the refresh. Each document is judged alone.
 *
 * <p>Requests fly while the task goes on; what came of them it finds out on its own thread, when the flight lands.
 */
public final class BulkWriter {
    /** Of Elasticsearch: a document id is at most so long. */
    private static final int MAX_ID_BYTES = 512;

    private final SinkConfig config;
    private final ElasticsearchClient elasticsearch;
    private final SinkMetrics metrics;

    public BulkWriter(SinkConfig config, ElasticsearchClient elasticsearch, SinkMetrics metrics) {
        this.config = config;
        this.elasticsearch = elasticsearch;
        this.metrics = metrics;
    }

    /** The requests with the documents of one reading, on their way. */
    public final class Flight {
        private final Reading reading;
        private final BulkResult result = new BulkResult();
        private final List<Sent> requests = new ArrayList<>();

        private Flight(Reading reading) {
            this.reading = reading;
        }

        /**
         * Waits until every request is answered, and judges each document.
         *
         * @throws TransientFailure when a whole request failed; then nothing of the reading counts as done
         * @throws ConnectException when no retry can help
         */
        public BulkResult land() throws TransientFailure {
            requests.forEach(Sent::await);
            for (Sent request : requests) {
                judge(request, this);
            }
            return result;
        }
    }

    /** A request, and its answer when there is one. */
    private record Sent(List<Document> documents, CompletableFuture<Response> answer) {
        /** Waits for the answer, whatever it is. */
        void await() {
            answer.exceptionally(failure -> null).join();
        }
    }

    /**
     * Sends the documents, in as many requests as their size asks for, and does not wait for the answers.
     *
     * @throws TransientFailure when it is too late for that; nothing was sent
     */
    public Flight send(Reading reading) throws TransientFailure {
        checkDeadline(reading);
        Flight flight = new Flight(reading);
        List<Document> request = new ArrayList<>();
        int bytes = 0;
        for (Document document : reading.documents()) {
            if (isSettledUnsent(document, flight.result)) {
                continue;
            }
            if (!request.isEmpty() && bytes + document.bulkBytes() > config.bulkMaxBytes()) {
                flight.requests.add(send(request));
                request = new ArrayList<>();
                bytes = 0;
            }
            request.add(document);
            bytes += document.bulkBytes();
        }
        if (!request.isEmpty()) {
            flight.requests.add(send(request));
        }
        return flight;
    }

    /** Whether there is nothing to send; Elasticsearch would refuse a whole request for one id that it cannot hold. */
    private boolean isSettledUnsent(Document document, BulkResult result) {
        String idProblem = idProblem(document.id());
        if (idProblem != null && document.isDelete()) {
            metrics.increment(Metric.DOCUMENTS_DELETED);
            return true;
        }
        if (idProblem != null) {
            reject(document, idProblem, result);
            return true;
        }
        if (document.sourceBytes() > config.documentMaxBytes()) {
            reject(
                    document,
                    String.format(
                            "document_too_large: it has %d bytes, more than %s=%d",
                            document.sourceBytes(), SinkKeys.DOCUMENT_MAX_BYTES, config.documentMaxBytes()),
                    result);
            return true;
        }
        return false;
    }

    /** Why Elasticsearch cannot hold an id; null when it can. */
    private static String idProblem(String id) {
        if (id.isEmpty()) {
            return "id_empty: the id is empty, which Elasticsearch does not take; choose another key";
        }
        int bytes = id.getBytes(StandardCharsets.UTF_8).length;
        return bytes <= MAX_ID_BYTES
                ? null
                : String.format(
                        "id_too_long: the id has %d bytes, Elasticsearch takes %d; choose another key",
                        bytes, MAX_ID_BYTES);
    }

    private Sent send(List<Document> documents) {
        byte[] body = body(documents);
        long start = System.nanoTime();
        CompletableFuture<Response> answer = elasticsearch.sendBulk(body).thenApply(response -> {
            metrics.increment(Metric.BULK_REQUESTS);
            metrics.add(Metric.BULK_BYTES, body.length);
            metrics.addTimeSince(start, Metric.BULK_TOTAL, Metric.BULK_MAX);
            return response;
        });
        return new Sent(documents, answer);
    }

    private void judge(Sent request, Flight flight) throws TransientFailure {
        List<Document> documents = request.documents();
        try {
            List<BulkItem> items = elasticsearch.awaitBulk(request.answer(), documents.size());
            for (int at = 0; at < items.size(); at++) {
                judge(documents.get(at), items.get(at), flight.result);
            }
        } catch (RequestRefused e) {
            split(documents, flight, e.getMessage());
        }
    }

    /** Sends the halves, one after the other, down to the one document for which the request was refused. */
    private void split(List<Document> documents, Flight flight, String reason) throws TransientFailure {
        if (documents.size() == 1) {
            reject(documents.get(0), reason, flight.result);
            return;
        }
        int half = documents.size() / 2;
        for (List<Document> part : List.of(documents.subList(0, half), documents.subList(half, documents.size()))) {
            checkDeadline(flight.reading);
            judge(send(part), flight);
        }
    }

    private void checkDeadline(Reading reading) throws TransientFailure {
        Duration left = reading.deadline().left();
        if (left.compareTo(config.requestTimeout()) < 0) {
            throw new TransientFailure(String.format(
                    "Pipeline %s: only %d ms are left of %s for the documents in hand, too few for one request; they are "
                            + "read again.",
                    config.pipeline(), left.toMillis(), SinkKeys.DEADLINE_MS));
        }
    }

    private static byte[] body(List<Document> documents) {
        byte[] body = new byte[documents.stream().mapToInt(Document::bulkBytes).sum()];
        int end = 0;
        for (Document document : documents) {
            end = append(body, end, document.action());
            if (!document.isDelete()) {
                end = append(body, end, document.source());
            }
        }
        return body;
    }

    private static int append(byte[] body, int end, byte[] line) {
        System.arraycopy(line, 0, body, end, line.length);
        body[end + line.length] = '\n';
        return end + line.length + 1;
    }

    private void judge(Document document, BulkItem item, BulkResult result) {
        switch (item.outcome(document.isDelete())) {
            case WRITTEN -> metrics.increment(Metric.DOCUMENTS_WRITTEN);
            case DELETED -> {
                metrics.increment(Metric.DOCUMENTS_DELETED);
                result.addDeleted(document.id());
            }
            case CONFLICT -> metrics.increment(Metric.CONFLICTS);
            case AGAIN -> {
                result.addAgain(document.id(), item.describe());
                if (item.isServerError()) {
                    result.addFailing(document.id(), rejection(document, item.describe()));
                }
            }
            case REJECTED -> reject(document, item.describe(), result);
            case FATAL ->
                throw new ConnectException(String.format(
                        "Pipeline %s: Elasticsearch refuses every document of index %s: %s. The sink never creates an index "
                                + "and needs the privileges index and delete on it. Mend that and restart the task.",
                        config.pipeline(), config.index(), item.describe()));
        }
    }

    private void reject(Document document, String reason, BulkResult result) {
        metrics.increment(Metric.REJECTED);
        result.addRejected(document.id(), rejection(document, reason));
    }

    private RejectedDocumentException rejection(Document document, String reason) {
        return RejectedDocumentException.of(config.pipeline(), document.id(), config.index(), reason);
    }
}
