/**
 * What to do about failures that pass.
 *
 * <p>A failure is one of two kinds. A {@code TransientFailure} passes by itself or by somebody's care elsewhere: a checked
 * exception, because every caller has to decide who tries again. Kafka Connect's own {@code ConnectException} is for what
 * somebody must mend here: it fails the task, and its sentence says what to do. {@code Backoff} says how long to wait
 * between tries, {@code TimeLimit} when to stop, {@code TimeIsUp} that it came to that.
 *
 * <p>Which failure of a server is of which kind, that server's package knows.
 */
package io.pg2es.connect.retry;
