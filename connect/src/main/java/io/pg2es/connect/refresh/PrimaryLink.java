package io.pg2es.connect.refresh;

import io.pg2es.connect.config.SinkConfig;
import io.pg2es.connect.elasticsearch.ElasticsearchClient;
import io.pg2es.connect.generation.Generation;
import io.pg2es.connect.generation.Identity;
import io.pg2es.connect.postgres.PostgresFailure;
import io.pg2es.connect.postgres.PostgresSession;
import io.pg2es.connect.retry.TimeLimit;
import io.pg2es.connect.retry.TransientFailure;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A session on the primary that the generation agrees with: the same database, and its start fence passed.
 *
 * <p>Everything is checked again on each new session, and the index now and then on a session that lives on, because
 * Elasticsearch would make a dropped index anew by itself.
 */
public final class PrimaryLink implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PrimaryLink.class);
    private static final Duration RECHECK = Duration.ofSeconds(10);

    private final SinkConfig config;
    private final ElasticsearchClient elasticsearch;
    private Duration patience;
    private PostgresSession session;
    private Identity identity;
    private Generation generation;
    private TimeLimit fresh;

    /** @param patience how long a statement may take */
    public PrimaryLink(SinkConfig config, ElasticsearchClient elasticsearch, Duration patience) {
        this.config = config;
        this.elasticsearch = elasticsearch;
        this.patience = patience;
    }

    /** Lets a statement take so long from the next {@link #open()} on. */
    public void allow(Duration time) {
        if (!time.equals(patience)) {
            close();
            patience = time;
        }
    }

    /** Makes {@link #session()} and {@link #generation()} ready for use. */
    public void open() throws TransientFailure {
        try {
            if (session == null) {
                connect();
            } else if (fresh.isOver()) {
                agree();
            }
        } catch (TransientFailure | RuntimeException e) {
            close();
            throw e;
        }
    }

    private void connect() throws TransientFailure {
        session = PostgresSession.open(config, patience);
        identity = session.identity();
        agree();
        session.prepare();
        passFence();
        LOG.info(
                "Pipeline {}: writing to {} from database {} on timeline {}, epoch {}",
                config.pipeline(),
                config.index(),
                identity.systemIdentifier(),
                identity.timeline(),
                generation.epoch());
    }

    private void agree() throws TransientFailure {
        generation = elasticsearch.generation();
        generation.check(identity, config.pipeline());
        fresh = TimeLimit.in(RECHECK);
    }

    private void passFence() throws TransientFailure {
        String fence = generation
                .fence()
                .orElseThrow(() -> new TransientFailure(String.format(
                        "Pipeline %s: waiting until the stream's position is fixed: index %s has no start fence in its "
                                + "_meta.pg2es yet.",
                        config.pipeline(), config.index())));
        if (!session.isFencePassed(fence)) {
            throw new TransientFailure(String.format(
                    "Pipeline %s: waiting for transactions older than the start fence %s to end; `pg2es status` says which.",
                    config.pipeline(), fence));
        }
    }

    /** The session that was opened; null before, and after a close. */
    public PostgresSession session() {
        return session;
    }

    Generation generation() {
        return generation;
    }

    /**
     * Makes the link fit for the next try: a new session where PostgreSQL failed; else the session is as good as before,
     * and the index is looked at again.
     */
    public void recover(TransientFailure failure) {
        if (failure instanceof PostgresFailure) {
            close();
        } else {
            fresh = TimeLimit.in(Duration.ZERO);
        }
    }

    @Override
    public void close() {
        if (session != null) {
            session.close();
            session = null;
        }
    }
}
