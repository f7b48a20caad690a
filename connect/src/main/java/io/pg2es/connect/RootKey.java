package io.pg2es.connect;

import java.util.List;

/** The key of a root: the text of each key column, in key order. */
record RootKey(List<String> columns) {}
