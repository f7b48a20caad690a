package io.pg2es.connect.documents;

import io.pg2es.connect.retry.TimeLimit;
import java.util.List;

/**
 * What one transaction read.
 *
 * @param documents one for each distinct root that was asked for
 * @param deadline until when the documents may be written
 */
public record Reading(List<Document> documents, TimeLimit deadline) implements ReadResult {}
