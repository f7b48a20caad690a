/**
 * The words that the two servers have in common: a root's key, its document, and what one transaction read.
 *
 * <pre>
 *   RootKey ─▶ PostgreSQL ─▶ ReadResult: a Reading of Document, Document, … ─▶ Elasticsearch
 *      ▲                                    │
 *      └────────── id of the document ──────┘
 * </pre>
 *
 * <p>Values only. That a document is bytes which nobody here takes apart is the point of it: PostgreSQL has rendered them.
 */
package io.pg2es.connect.documents;
