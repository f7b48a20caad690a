package io.pg2es.connect;

import java.util.List;

/**
 * What one transaction read.
 *
 * @param documents one for each distinct root that was asked for
 * @param deadline until when the documents may be written
 */
record Reading(List<Document> documents, TimeLimit deadline) {}
