package io.pg2es.connect.documents;

/** What came of reading roots: their documents, or why it has to be done otherwise. */
public sealed interface ReadResult permits Reading, ReadResult.TooSlow, ReadResult.Unreadable {

    /** It took too long: fewer roots are to be read at once. */
    record TooSlow() implements ReadResult {}

    /**
     * PostgreSQL cannot read the document of one of the roots; of the others it can.
     *
     * @param problem its words
     */
    record Unreadable(String problem) implements ReadResult {}
}
