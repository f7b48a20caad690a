/**
 * The primary: sessions, the statements of the config, and errors by kind.
 *
 * <p>{@code PostgresSession} is the only way to run SQL. {@code VersionedRead}, behind it, is steps 2 to 4 of the refresh in
 * one transaction: a document's version is taken before the document is read, and both are durable before anybody sends
 * them.
 *
 * <p>The SQL itself comes rendered in the config; only PREPARE, EXECUTE and the frame of a lookup are written here
 * ({@code PreparedSql}). {@code SqlLiterals} quotes by the driver's own means, {@code PostgresErrors} parts what passes from
 * what somebody must mend, by SQLSTATE.
 *
 * <p>When to read, and what to do with what was read, is not decided here.
 */
package io.pg2es.connect.postgres;
