/**
 * From the records of Kafka to roots, and back from roots to the records that led to them.
 *
 * <pre>
 *   record ─▶ ChangeEvent ─▶ Row before, Row after ─▶ tuples of a route ─▶ roots
 *      ▲                                                                      │
 *      └──────────── RecordFaults: whose document was rejected? ◀─────────────┘
 * </pre>
 *
 * <p>{@code RootCollector} takes the tuples out of the events of one {@code put}; {@code Batch} holds them, finds their
 * roots and keeps what is left to do for them. {@code OpenRecords} keeps the offsets of records whose work goes on after
 * {@code put}.
 *
 * <p>An event's values lead to roots and to nothing else.
 */
package io.pg2es.connect.records;
