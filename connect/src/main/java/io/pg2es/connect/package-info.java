/**
 * The pg2es sink for Kafka Connect.
 *
 * <p>A change event says only which roots changed. The sink reads their documents again from PostgreSQL and writes them
 * to Elasticsearch under a version that was taken before the read:
 *
 * <pre>
 *   records ─▶ ChangeEvent ─▶ Batch: tuples of routes, transaction ids
 *                               │
 *                 VisibilityWait (every transaction can be seen)
 *                               │
 *              PostgresSession.lookUp (tuples ─▶ roots, each once)
 *                               │
 *      Refresh: version, documents, flush, COMMIT ─▶ BulkWriter ─▶ acknowledged
 *                               │
 *         Outcome: RefreshWriter (second refreshes), DeadLetters (what no retry can mend)
 * </pre>
 *
 * <p>Records of the refresh topics wait in a {@code RefreshQueue}; {@code RequestedRefreshes} does a slice of them after
 * the changes of each {@code put}. Lookups of too many roots, and requests for everything, go to the {@code Spreader},
 * which writes their roots to the refresh topic. {@code OpenRecords} keeps the offsets of what is not done.
 *
 * <p>No SQL and no JSON document is made here: the SQL arrives rendered in the connector's config, and PostgreSQL renders
 * the lines of the bulk request.
 *
 * <p>This package is the connector as Kafka Connect sees it: its class and its task, whose names deployed connectors
 * carry. Each other package is one capability, and its own page says what belongs there. A package knows those below it
 * and none above or beside it; {@code ArchitectureTest} holds that.
 *
 * <pre>
 *   connector, task
 *   topics                                refresh topics, what is left of a batch
 *   refresh                               the steps in their order
 *   records                               records ⇄ roots
 *   postgres │ elasticsearch              one server each
 *   documents │ generation │ deadletters  what both speak of
 *   config │ retry │ metrics              options, failures that pass, figures
 * </pre>
 */
package io.pg2es.connect;
