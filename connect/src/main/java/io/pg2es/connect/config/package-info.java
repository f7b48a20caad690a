/**
 * The options of the connector: what they are called, which values they take, and the values themselves.
 *
 * <p>{@code SinkKeys} defines each option once, with its documentation, of which {@code docs/sink.md} is made.
 * {@code Validators} judges one option alone, {@code ConfigChecks} several together. {@code SinkConfig} holds the values;
 * it is valid once made, so that nobody checks an option again. A {@code Route} is the one option that has parts.
 *
 * <p>Here belongs what an operator can set. What only the code can set, such as the time for one {@code put}, is a constant
 * beside its use.
 */
package io.pg2es.connect.config;
