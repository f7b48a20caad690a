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
 *              DeadLetters (what no retry can mend)
 * </pre>
 *
 * <p>No SQL and no JSON document is made here: the SQL arrives rendered in the connector's config, and PostgreSQL renders
 * the lines of the bulk request.
 */
package io.pg2es.connect;
