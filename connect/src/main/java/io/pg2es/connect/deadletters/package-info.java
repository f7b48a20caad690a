/**
 * What makes a record a dead-letter record, and how it becomes one.
 *
 * <p>There are two reasons. {@code UnusableRecordException}: the record does not say which roots it concerns.
 * {@code RejectedDocumentException}: Elasticsearch will never take a document that the record led to. No other failure
 * makes one: what passes is tried again, and what concerns every record fails the task.
 *
 * <pre>
 *   FaultyRecord: record, reasons ─▶ DeadLetters ─▶ errant record reporter ─▶ dead letter topic
 * </pre>
 *
 * <p>The names of the two exceptions stand in the records' headers; replay groups by the last part of them. Which records
 * led to a rejected document is found out in {@code records}.
 */
package io.pg2es.connect.deadletters;
