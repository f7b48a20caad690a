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
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.errors.ConnectException;

/** Writes the documents of one reading to Elasticsearch: step 5 of the refresh. Each document is judged alone. */
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

    /** What became of the documents; those named nowhere are acknowledged. Both are keyed by the document's id. */
    public static final class Result {
        private final Set<String> again = new LinkedHashSet<>();
        private final Map<String, RejectedDocumentException> failing = new LinkedHashMap<>();
        private final Map<String, RejectedDocumentException> rejected = new LinkedHashMap<>();
        private final List<String> deleted = new ArrayList<>();
        private String reason = "";

        /** Documents that must be read and written again. */
        public Set<String> again() {
            return again;
        }

        /** Those of them over which Elasticsearch fails itself, with what is to be said when it always does. */
        public Map<String, RejectedDocumentException> failing() {
            return failing;
        }

        /** Why the first of them must. */
        public String reason() {
            return reason;
        }

        public Map<String, RejectedDocumentException> rejected() {
            return rejected;
        }

        /** Documents that Elasticsearch has no more. */
        public List<String> deleted() {
            return deleted;
        }

        public boolean isAllAcknowledged() {
            return again.isEmpty() && rejected.isEmpty();
        }

        private void addAgain(String id, String why) {
            if (again.isEmpty()) {
                reason = why;
            }
            again.add(id);
        }
    }

    /**
     * Writes the documents, in as many requests as their size asks for.
     *
     * @throws TransientFailure when a whole request failed; then nothing of the reading counts as done
     * @throws ConnectException when no retry can help
     */
    public Result write(Reading reading) throws TransientFailure {
        Result result = new Result();
        List<Document> request = new ArrayList<>();
        int bytes = 0;
        for (Document document : reading.documents()) {
            if (isSettledUnsent(document, result)) {
                continue;
            }
            if (!request.isEmpty() && bytes + document.bulkBytes() > config.bulkMaxBytes()) {
                send(request, reading, result);
                request = new ArrayList<>();
                bytes = 0;
            }
            request.add(document);
            bytes += document.bulkBytes();
        }
        if (!request.isEmpty()) {
            send(request, reading, result);
        }
        return result;
    }

    /** Whether there is nothing to send; Elasticsearch would refuse a whole request for one id that it cannot hold. */
    private boolean isSettledUnsent(Document document, Result result) {
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

    private void send(List<Document> documents, Reading reading, Result result) throws TransientFailure {
        checkDeadline(reading);
        byte[] body = body(documents);
        long start = System.nanoTime();
        try {
            List<BulkItem> items = elasticsearch.bulk(body, documents.size());
            metrics.increment(Metric.BULK_REQUESTS);
            metrics.add(Metric.BULK_BYTES, body.length);
            metrics.addTimeSince(start, Metric.BULK_TOTAL, Metric.BULK_MAX);
            for (int at = 0; at < items.size(); at++) {
                judge(documents.get(at), items.get(at), result);
            }
        } catch (RequestRefused e) {
            split(documents, reading, result, e.getMessage());
        }
    }

    /** Sends the halves, down to the one document for which the request was refused. */
    private void split(List<Document> documents, Reading reading, Result result, String reason)
            throws TransientFailure {
        if (documents.size() == 1) {
            reject(documents.get(0), reason, result);
            return;
        }
        int half = documents.size() / 2;
        send(documents.subList(0, half), reading, result);
        send(documents.subList(half, documents.size()), reading, result);
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

    private void judge(Document document, BulkItem item, Result result) {
        switch (item.outcome(document.isDelete())) {
            case WRITTEN -> metrics.increment(Metric.DOCUMENTS_WRITTEN);
            case DELETED -> {
                metrics.increment(Metric.DOCUMENTS_DELETED);
                result.deleted.add(document.id());
            }
            case CONFLICT -> metrics.increment(Metric.CONFLICTS);
            case AGAIN -> {
                result.addAgain(document.id(), item.describe());
                if (item.isServerError()) {
                    result.failing.put(document.id(), rejection(document, item.describe()));
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

    private void reject(Document document, String reason, Result result) {
        metrics.increment(Metric.REJECTED);
        result.rejected.put(document.id(), rejection(document, reason));
    }

    private RejectedDocumentException rejection(Document document, String reason) {
        return RejectedDocumentException.of(config.pipeline(), document.id(), config.index(), reason);
    }
}
