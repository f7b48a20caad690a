/**
 * The index: requests, the bulk write of one reading, and answers by kind.
 *
 * <p>{@code BulkWriter} is step 5 of the refresh: each document is judged alone ({@code BulkItem}), and nothing counts as
 * done before it is acknowledged. {@code ElasticsearchClient} sends a request once, to one node ({@code OneNodeSelector}):
 * a version is never sent twice, so trying again is for those who can read again.
 *
 * <pre>
 *   Reading ─▶ BulkWriter ─▶ ElasticsearchClient ─▶ one node
 *                 │                   │
 *                 ▼                   ▼
 *              Result: again?    TransientFailure: all again
 *                      rejected? RequestRefused:   too large, or one bad action: in halves
 *                      deleted?  ConnectException: somebody must mend it
 * </pre>
 *
 * <p>Here belongs what is true of Elasticsearch, whatever it is written for.
 */
package io.pg2es.connect.elasticsearch;
