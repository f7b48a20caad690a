/**
 * Brings the documents of roots up to date: the one operation that every writer does.
 *
 * <pre>
 *   VisibilityWait ─▶ PrimaryLink: session, generation ─▶ Refresh: read ─▶ write ─▶ acknowledged
 *   (step 0)          (right database, fence passed)      a slice at a time
 * </pre>
 *
 * <p>Here stands the order of the steps that docs/concepts.md explains: wait until the changes can be seen, take the
 * version, read, COMMIT, write; and what is not acknowledged again from the version. The steps themselves are in
 * {@code postgres} and {@code elasticsearch}, which know nothing of each other.
 *
 * <p>Why a root is refreshed, by a change or by a request, makes no difference here.
 */
package io.pg2es.connect.refresh;
