package io.pg2es.connect.config;

import java.util.List;
import java.util.Optional;

/**
 * A way from a changed row to roots.
 *
 * @param name the route's name in the config
 * @param topic the topic of the rows' change events
 * @param columns columns that are taken from the row before and after the change
 * @param sql statement that maps tuples of the columns to root keys; empty: the columns are the root key
 */
public record Route(String name, String topic, List<String> columns, Optional<String> sql) {}
