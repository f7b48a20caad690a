package io.pg2es.connect.topics;

import io.pg2es.connect.config.Route;
import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.deadletters.DeadLetters;
import io.pg2es.connect.deadletters.FaultyRecord;
import io.pg2es.connect.documents.RootKey;
import io.pg2es.connect.elasticsearch.DocumentIds;
import io.pg2es.connect.elasticsearch.ElasticsearchClient;
import io.pg2es.connect.metrics.Metric;
import io.pg2es.connect.metrics.SinkMetrics;
import io.pg2es.connect.postgres.LookupFailedException;
import io.pg2es.connect.postgres.PostgresFailure;
import io.pg2es.connect.postgres.PostgresSession;
import io.pg2es.connect.records.Batch;
import io.pg2es.connect.records.OpenRecords;
import io.pg2es.connect.refresh.PrimaryLink;
import io.pg2es.connect.retry.Backoff;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingDeque;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes many roots to the refresh topic, in a thread and with sessions of its own, so that the task goes on meanwhile.
 *
 * <pre>
 *   lookup of too many roots ─┐                 ┌─▶ page ─▶ refresh topic
 *                             ├─▶ cursor ─▶ … ──┼─▶ page ─▶
 *   all roots, all documents ─┘                 └─▶ page ─▶  … acknowledged: the records are done
 * </pre>
 *
 * <p>Work that fails is begun again: a page that is written twice does no harm.
 */
public final class Spreader implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Spreader.class);
    /** Lookups that may wait; each holds the tuples of one batch. */
    private static final int MOST_JOBS = 16;

    /**
     * Time for one statement, which may as well wait for a server that is gone: so it is short at first, and longer each
     * time that it was too short.
     */
    private static final Duration FIRST_PATIENCE = Duration.ofMinutes(1);

    private static final int MORE_PATIENCE = 4;
    private static final Duration LAST_PATIENCE = Duration.ofHours(1);

    private static final long STOP_MILLIS = 5_000;

    private final SinkConfig config;
    private final ElasticsearchClient elasticsearch;
    private final PrimaryLink link;
    private final RefreshWriter writer;
    private final OpenRecords open;
    private final SinkMetrics metrics;
    private final BlockingDeque<Job> jobs = new LinkedBlockingDeque<>();
    private final Queue<FaultyRecord> faults = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private Duration patience = FIRST_PATIENCE;
    private volatile Throwable failure;

    /** @param link for this alone */
    public Spreader(
            SinkConfig config,
            ElasticsearchClient elasticsearch,
            PrimaryLink link,
            RefreshWriter writer,
            OpenRecords open,
            SinkMetrics metrics) {
        this.config = config;
        this.elasticsearch = elasticsearch;
        this.link = link;
        this.writer = writer;
        this.open = open;
        this.metrics = metrics;
        this.thread = new Thread(this::work, "pg2es-spreader-" + config.index());
        this.thread.setDaemon(true);
    }

    /** Starts the thread. */
    public void start() {
        thread.start();
    }

    /**
     * Takes over the lookups of a batch that lead to too many roots.
     *
     * @throws TransientFailure when so much waits already that the changes have to
     */
    public void takeWide(Batch batch) throws TransientFailure {
        if (!batch.wide().isEmpty() && jobs.size() >= MOST_JOBS) {
            throw new TransientFailure(String.format(
                    "Pipeline %s: %d lookups of many roots wait to be spread; the changes behind them wait, too.",
                    config.pipeline(), jobs.size()));
        }
        batch.wide().forEach(this::spread);
        batch.wide().clear();
    }

    private void spread(Route route, Map<List<String>, List<SinkRecord>> tuples) {
        Set<SinkRecord> records = Collections.newSetFromMap(new IdentityHashMap<>());
        tuples.values().forEach(records::addAll);
        LOG.info(
                "Pipeline {}: {} changed rows lead to more than {} roots by route {}, which go to {}",
                config.pipeline(),
                tuples.size(),
                config.spreadRoots(),
                route.name(),
                config.refreshTopic());
        metrics.increment(Metric.LOOKUPS_SPREAD);
        open.add(records);
        jobs.add(new Job(
                "the lookup of route " + route.name(),
                false,
                records,
                pages -> addLookedUp(route, tuples, List.copyOf(tuples.keySet()), pages)));
    }

    /** Adds the roots of tuples, found by halves where one of them leads nowhere or all together take too long. */
    private IdentityHashMap<SinkRecord, DataException> addLookedUp(
            Route route, Map<List<String>, List<SinkRecord>> tuples, List<List<String>> part, RefreshWriter.Pages pages)
            throws TransientFailure {
        IdentityHashMap<SinkRecord, DataException> faulty = new IdentityHashMap<>();
        try {
            link.session().streamLookUp(route, part, pages::add);
        } catch (LookupFailedException e) {
            if (e.problem().isEmpty() && hasMorePatience()) {
                throw new TransientFailure(e.getMessage(), e);
            } else if (part.size() > 1) {
                int half = part.size() / 2;
                faulty.putAll(addLookedUp(route, tuples, part.subList(0, half), pages));
                faulty.putAll(addLookedUp(route, tuples, part.subList(half, part.size()), pages));
            } else {
                String problem = e.problem().orElseThrow(() -> new TransientFailure(e.getMessage(), e));
                tuples.get(part.get(0)).forEach(record -> faulty.put(record, Batch.noRoot(route, problem)));
            }
        }
        return faulty;
    }

    /** Takes over a request for all roots and all documents, whose record is open. */
    void spreadAll(SinkRecord record) {
        jobs.add(new Job("all roots and documents", true, List.of(record), this::addAll));
    }

    /**
     * Fails the task when the thread has ended.
     *
     * @throws ConnectException with what ended it: somebody must mend that
     */
    public void check() {
        if (failure instanceof ConnectException known) {
            throw known;
        } else if (failure != null) {
            throw new ConnectException("The thread that spreads lookups has ended: " + failure, failure);
        }
    }

    /**
     * Reports records that led nowhere, on the task's thread. They stay open until they are reported.
     *
     * @throws TransientFailure when they are to be reported again later
     */
    public void report(DeadLetters deadLetters) throws TransientFailure {
        for (FaultyRecord faulty = faults.peek(); faulty != null; faulty = faults.peek()) {
            deadLetters.report(List.of(faulty));
            open.done(List.of(faulty.record()));
            faults.remove();
        }
    }

    /** What is to be written, and for which records. */
    private record Job(String name, boolean isAll, Collection<SinkRecord> records, Roots roots) {}

    private interface Roots {
        /** Adds the roots to the pages, and returns the records that lead to none and never will. */
        IdentityHashMap<SinkRecord, DataException> addTo(RefreshWriter.Pages pages) throws TransientFailure;
    }

    private void work() {
        try {
            while (!Thread.currentThread().isInterrupted()) {
                Job job = jobs.take();
                finish(job.isAll() ? mergedWithWaiting(job) : job);
                if (jobs.isEmpty()) {
                    link.close();
                }
            }
        } catch (InterruptedException e) {
            LOG.debug("Stopped", e);
        } catch (Throwable e) {
            // An Error, too: its records would stay open for ever, and nobody would hear of it.
            failure = e;
        } finally {
            link.close();
        }
    }

    /** Whoever asks for everything before it is read gets it by the same reading. */
    private Job mergedWithWaiting(Job job) {
        List<SinkRecord> records = new ArrayList<>(job.records());
        jobs.removeIf(other -> other.isAll() && records.addAll(other.records()));
        return new Job(job.name(), true, records, job.roots());
    }

    private void finish(Job job) {
        Backoff backoff = new Backoff(config.retryInitial(), config.retryMax());
        patience = FIRST_PATIENCE;
        while (true) {
            try {
                link.allow(patience);
                link.open();
                RefreshWriter.Pages pages = writer.pagesOf(config.refreshTopic());
                IdentityHashMap<SinkRecord, DataException> faulty = job.roots().addTo(pages);
                pages.finish();
                faulty.forEach((record, reason) -> faults.add(new FaultyRecord(record, List.of(reason))));
                open.done(job.records().stream()
                        .filter(record -> !faulty.containsKey(record))
                        .toList());
                LOG.info("Pipeline {}: {} went to {}", config.pipeline(), job.name(), config.refreshTopic());
                return;
            } catch (TransientFailure e) {
                metrics.increment(Metric.RETRIES);
                link.recover(e);
                if (hasMorePatience()
                        && (e instanceof PostgresFailure || e.getCause() instanceof LookupFailedException)) {
                    patience = patience.multipliedBy(MORE_PATIENCE);
                }
                LOG.warn("Spreading {} again: {}", job.name(), e.getMessage());
                backoff.pause();
            }
        }
    }

    private boolean hasMorePatience() {
        return patience.compareTo(LAST_PATIENCE) < 0;
    }

    /** Of the documents, only those that no root has are left after the roots. */
    private IdentityHashMap<SinkRecord, DataException> addAll(RefreshWriter.Pages pages) throws TransientFailure {
        link.session().streamRoots(pages::add);
        try (DocumentIds documents = DocumentIds.open(elasticsearch, config.index())) {
            for (List<String> ids = documents.next(); !ids.isEmpty(); ids = documents.next()) {
                addRootless(keysOf(ids), pages);
            }
        }
        return new IdentityHashMap<>();
    }

    private List<RootKey> keysOf(List<String> ids) {
        int columns = config.keyColumns().size();
        return ids.stream()
                .map(id -> RootKey.ofDocument(id, columns))
                .flatMap(Optional::stream)
                .toList();
    }

    /** Finds by halves what can be no key: somebody else wrote such a document, and a reconciliation removes it. */
    private void addRootless(List<RootKey> keys, RefreshWriter.Pages pages) throws TransientFailure {
        if (keys.isEmpty()) {
            return;
        }
        PostgresSession.Rootless found = link.session().findRootless(keys);
        if (found.problem().isEmpty()) {
            for (RootKey root : found.keys()) {
                pages.add(root);
            }
        } else if (keys.size() > 1) {
            int half = keys.size() / 2;
            addRootless(keys.subList(0, half), pages);
            addRootless(keys.subList(half, keys.size()), pages);
        }
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(STOP_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("The task was interrupted.", e);
        }
    }
}
