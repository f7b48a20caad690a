/**
 * The topics that the sink writes: the refresh topics and the dead letter topic; and the work that comes out of the former.
 *
 * <pre>
 *   change of too many roots, request for all ─▶ Spreader ─┐
 *   deleted documents, TRUNCATE ───────────────▶ Outcome ──┴▶ RefreshWriter ─▶ refresh topics
 *                                                                                    │
 *                         Refresh ◀─ RequestedRefreshes ◀─ RefreshQueue ◀────────────┘
 * </pre>
 *
 * <p>A {@code RefreshRequest} is what one record there asks for. {@code RequestedRefreshes} does a slice of them between two
 * looks for changes, so that no change waits longer than for one slice. {@code Outcome} is what is left of a batch, whether
 * of changes or of requests, when its documents are acknowledged.
 */
package io.pg2es.connect.topics;
