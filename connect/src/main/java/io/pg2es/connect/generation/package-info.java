/**
 * Which index, made from which database.
 *
 * <p>{@code Generation} is what an index says of itself in its mapping's {@code _meta}, {@code Identity} what a database
 * says of itself. Whether the two belong together is decided in {@code Generation.check}: versions are positions in one
 * timeline of one database, so a sink that is connected to another must not write anything.
 *
 * <p>Asking the servers is not done here but by {@code elasticsearch} and {@code postgres}.
 */
package io.pg2es.connect.generation;
