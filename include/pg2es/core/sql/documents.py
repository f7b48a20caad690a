"""The document SQL, wrapped: which roots, and what comes out for Elasticsearch.

                     ┌ KeyPredicate: the roots of a key list (stream, repair, replay)
    root  WHERE …  ──┼ BlockPredicate: the rows of a ctid range (backfill)
                     └ AllPredicate: every root (verify)
      │
      ▼  document SQL of the pipeline (default: all columns)
    document  ──▶  json text  ──▶  `{"_pg2es":{"d0":…,"d1":…,"bucket":…},…}`

The bytes of a document are `json_strip_nulls(row_to_json(d.*))`, made by PostgreSQL under the session settings of
`protocol.SESSION`, on every path. So equal rows give equal bytes, whoever wrote them. `d.*`, because a bare `d` is the
column of that name where there is one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pg2es.core.backfill import BlockRange
from pg2es.core.config import Pipeline
from pg2es.core.sql.identifiers import literal, quote, quote_columns, quote_table, quote_texts
from pg2es.core.sql.values import value_arrays
from pg2es.core.table import Key, Table

BUCKETS = 65_536
"""Buckets that ids are hashed into."""

# 62 bits of the SHA-256 of the document's bytes, as two halves: Elasticsearch sums in doubles, and holds these exactly.
_DIGEST = "('x' || encode(substring(sha256(convert_to(doc, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint"
_D0 = "((digest >> 33) & 2147483647)::int"
_D1 = "(digest & 2147483647)::int"
_MARK = f"""'{{"_pg2es":{{"d0":', {_D0}, ',"d1":', {_D1}, ',"bucket":', bucket, '}}'"""
_POSITION = "pg2es_position"

_TEXT = "json_strip_nulls(raw)::text"
# Where every type is plain, `:null` is a NULL, or stands in a text, which stripping leaves as it is.
_PLAIN_TEXT = f"CASE WHEN strpos(raw::text, ':null') = 0 THEN raw::text ELSE {_TEXT} END"
_PLAIN_TYPES = frozenset({
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "oid", "text", "varchar", "bpchar", "uuid", "bytea",
    "date", "time", "timetz", "timestamp", "timestamptz", "interval", "inet", "cidr", "macaddr", "money",
})  # fmt: skip
_MODIFIERS = re.compile(r"\(.*?\)|\[\]")
# An empty document has no comma after the mark.
_SOURCE = f"concat({_MARK}, CASE doc WHEN '{{}}' THEN '}}' ELSE ',' || substr(doc, 2) END)"


def copy_out(statement: str) -> str:
    """Streams the rows of a statement in the binary format."""
    return f"COPY (\n{statement}\n) TO STDOUT (FORMAT binary)"


def all_columns(table: Table) -> str:
    """The document SQL of a pipeline that has none: every column the table has now, each by its name."""
    return f"SELECT {quote_columns(tuple(column.name for column in table.columns))} FROM root"


@dataclass(frozen=True)
class DocumentSql:
    """The statements that read documents of one pipeline: of its root table, key and document SQL.

    Those over all roots leave out the `excluded` ids, whose documents cannot be made. `plain`: no column of a document
    has a type that writes JSON of its own, so there is nothing to strip where nothing is NULL.
    """

    pipeline: Pipeline
    table: Table
    key: Key
    excluded: tuple[str, ...] = ()
    plain: bool = False

    def without(self, ids: Iterable[str]) -> "DocumentSql":
        """The same for all roots but these, and those left out before."""
        return replace(self, excluded=(*self.excluded, *ids))

    def knowing(self, types: Iterable[str]) -> "DocumentSql":
        """The same, faster, when a document's columns have these types.

        For what is compared, never for what is written: a column that becomes json meanwhile would be written as it is.
        """
        return replace(self, plain=all(_MODIFIERS.sub("", name) in _PLAIN_TYPES for name in types))

    def by_keys(self) -> str:
        """Documents and deletes of a list of roots.

        `$1 … $K` are text arrays, one for each key column, in parallel; `$K+1` is the version, `$K+2` how many bytes a
        document may have, `$K+3` after how many no further one is returned. Returns for each distinct root one row
        `(id text, action text, source text, bytes bigint, places bigint[])`: the complete action line of a bulk
        request, and the document line. Without a source there is no document when `bytes` is NULL; else it is too
        large, or did not fit. `places` say which of the keys it is, from 1 on. The document SQL sees `root` and names
        that begin with `pg2es_`; every other name in it is a table's.
        """
        arrays = value_arrays(self.key.columns)
        names = quote_columns(self.key.names)
        version, most_of_one, most = (f"${len(self.key.columns) + number}" for number in (1, 2, 3))
        predicate = (
            f"{quote(self.key.names[0])} = ANY ({arrays})"
            if len(self.key.names) == 1
            else f"({names}) IN (SELECT * FROM unnest({arrays}))"
        )
        keys = f"unnest({arrays}) WITH ORDINALITY AS k ({quote_columns((*self.key.names, _POSITION))})"
        operation = "CASE WHEN bytes IS NULL THEN 'delete' ELSE 'index' END"
        return (
            f"WITH pg2es_requested AS MATERIALIZED (\n"
            f"  SELECT {_id(self.key, 'k')} AS id, array_agg(k.{quote(_POSITION)}) AS places FROM {keys} GROUP BY 1\n"
            f"), pg2es_documents AS MATERIALIZED (\n{self._documents(self._root(predicate))}\n)\n"
            f"SELECT id, {_action(operation, 'id', version)} AS action,\n"
            f"  CASE WHEN bytes <= {most_of_one} AND coalesce(before, 0) < {most} THEN source END AS source,\n"
            f"  bytes, places\n"
            f"FROM (\n"
            f"  SELECT *, sum(bytes) FILTER (WHERE bytes <= {most_of_one})\n"
            f"    OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before\n"
            f"  FROM (SELECT r.id, r.places, d.source, octet_length(d.source)::bigint AS bytes\n"
            f"        FROM pg2es_requested r LEFT JOIN pg2es_documents d ON d.id = r.id) sized\n"
            f") sized"
        )

    def canonical_ids(self) -> str:
        """The document ids of a list of keys, in their order: `$1 … $K` as in `by_keys`; fails for what is no key."""
        arrays = value_arrays(self.key.columns)
        names = quote_columns((*self.key.names, _POSITION))
        keys = f"unnest({arrays}) WITH ORDINALITY AS k ({names})"
        return f"SELECT {_id(self.key, 'k')} FROM {keys} ORDER BY k.{quote(_POSITION)}"

    def ids_of_roots(self, roots: str) -> str:
        """Ids of the roots that a statement returns, with its parameters."""
        return f"SELECT DISTINCT {_id(self.key, 'k')} AS id FROM (\n{roots}\n) AS k ({quote_columns(self.key.names)})"

    def copy_blocks(self, blocks: BlockRange, version: int) -> str:
        """`COPY … TO STDOUT` of a ctid range as ready lines for a bulk request, one row for each document.

        The format is binary with a single column, so that a row's bytes are the lines, without any escaping. Of a
        document over the limit its size is the second line.
        """
        return self._copy(self._root(*_block_predicate(blocks)), _action("'index'", "id", str(version)))

    def keys_of_blocks(self, blocks: BlockRange) -> str:
        """The keys of the rows of a ctid range, as texts in key order."""
        predicate, relation = _block_predicate(blocks)
        return f"SELECT {quote_texts(self.key.names, 'root')} FROM {relation} root WHERE {predicate}"

    def try_blocks(self, blocks: BlockRange) -> str:
        """How many documents the rows of a ctid range have, all of them made."""
        root = self._root(*_block_predicate(blocks))
        return f"{root}\nSELECT count(digest) FROM (\n{self._digests()}\n) digests"

    def compare(self) -> str:
        """Every document, `(bucket integer, id text, source text)`, ordered by bucket."""
        return f"SELECT bucket, id, source FROM (\n{self._documents(self._all_roots())}\n) documents ORDER BY bucket"

    def sum_digests(self) -> str:
        """Count and sums of each bucket with documents, `(bucket integer, documents bigint, d0 bigint, d1 bigint)`.

        PostgreSQL may share the work among parallel workers, as far as the document SQL allows it.
        """
        return (
            f"{self._all_roots()}\nSELECT bucket, count(*), sum({_D0}), sum({_D1})\n"
            f"FROM (\n{self._digests()}\n) digests GROUP BY bucket"
        )

    def list_digests(self, buckets: Sequence[int]) -> str:
        """The documents of some buckets, `(bucket integer, id text, d0 integer, d1 integer)`, ordered by bucket.

        Buckets are those of roots, so that only their documents are made.
        """
        numbers = literal(f"{{{','.join(map(str, buckets))}}}")
        root = self._all_roots(f"{_bucket(_id(self.key, quote_table(self.table.name)))} = ANY ({numbers}::int[])")
        return f"{root}\nSELECT bucket, id, {_D0}, {_D1} FROM (\n{self._digests()}\n) digests ORDER BY bucket"

    def count(self) -> str:
        """How many documents there should be."""
        return f"{self._all_roots()}\nSELECT count(*) FROM (\n{self._document()}\n) d"

    def probe(self) -> str:
        """The document SQL over no row at all: what columns and types it returns."""
        return f"{self._root('false')}\nSELECT d.* FROM (\n{self._document()}\n) d"

    def sample(self, percent: float, roots: int, max_bytes: int) -> str:
        """Documents of about `percent` of the table's pages, at most `roots` roots, as the preflight tries them.

        Returns `(id text, is a sampled root boolean, bytes integer, source text)`; the source is NULL for a document
        of more than `max_bytes`. A sample, because the whole of a large table takes as long as a backfill.
        """
        table = f"{quote_table(self.table.name)} TABLESAMPLE SYSTEM ({percent})"
        names = quote_columns(tuple(column.name for column in self.table.columns))
        return (
            f"WITH root AS MATERIALIZED (SELECT {names} FROM {table} LIMIT {roots})\n"
            f"SELECT id, id IN (SELECT {_id(self.key, 'root')} FROM root), octet_length(source),\n"
            f"  CASE WHEN octet_length(source) <= {max_bytes} THEN source END\n"
            f"FROM (\n{self._sources()}\n) sources"
        )

    def sample_keys(self, percent: float, roots: int) -> str:
        """Keys of at most `roots` rows out of about `percent` of the table's pages, as texts in key order."""
        texts = ", ".join(f"root.{quote(name)}::text" for name in self.key.names)
        table = f"{quote_table(self.table.name)} AS root TABLESAMPLE SYSTEM ({percent})"
        return f"SELECT {texts} FROM {table} LIMIT {roots}"

    def _copy(self, root: str, action: str) -> str:
        most = self.pipeline.max_document_bytes
        document = f"CASE WHEN octet_length(source) <= {most} THEN source ELSE octet_length(source)::text END"
        lines = f"concat({action}, E'\\n', {document}, E'\\n')"
        return copy_out(f"SELECT {lines} FROM (\n{self._documents(root)}\n) documents")

    def _documents(self, root: str) -> str:
        """`(id, bucket, source)` of the roots."""
        return f"{root}\n{self._sources()}"

    def _sources(self) -> str:
        """The same over a `root` that is there."""
        return f"SELECT id, bucket, {_SOURCE} AS source FROM (\n{self._digests()}\n) digests"

    def _digests(self) -> str:
        """`(id, doc, digest, bucket)`; each OFFSET keeps the planner from computing a column twice.

        It is quoted, because then it is a bigint at once: a cast would hide from the planner that it is 0, and a
        subquery with another OFFSET has no parallel plan.
        """
        return (
            f"  SELECT id, doc, {_DIGEST} AS digest, {_bucket('id')} AS bucket FROM (\n"
            f"    SELECT id, {_PLAIN_TEXT if self.plain else _TEXT} AS doc FROM (\n"
            f"      SELECT {_id(self.key, 'd')} AS id, row_to_json(d.*) AS raw FROM (\n"
            f"{self._document()}\n"
            f"      ) d OFFSET '0'\n"
            f"    ) rows OFFSET '0'\n"
            f"  ) texts OFFSET '0'"
        )

    def _root(self, predicate: str = "", relation: str = "") -> str:
        """The relation `root`."""
        return f"WITH root AS NOT MATERIALIZED ({self._rows(predicate, relation)})"

    def _all_roots(self, predicate: str = "") -> str:
        """The same without what is excluded; because of OFFSET nothing of the document SQL is evaluated for that."""
        if not self.excluded:
            return self._root(predicate)
        ids = ", ".join(literal(identifier) for identifier in self.excluded)
        return (
            f"WITH root AS NOT MATERIALIZED (\n  SELECT * FROM ({self._rows(predicate)}) root\n"
            f"  WHERE {_id(self.key, 'root')} <> ALL (ARRAY[{ids}]) OFFSET '0'\n)"
        )

    def _rows(self, predicate: str, relation: str = "") -> str:
        """Rows of the root table in its order of columns, which its partitions need not have.

        `*` lets a sink, whose SQL is fixed, outlive a dropped column that the document SQL does not use.
        """
        where = f" WHERE {predicate}" if predicate else ""
        names = quote_columns(tuple(column.name for column in self.table.columns)) if relation else "*"
        return f"SELECT {names} FROM {relation or quote_table(self.table.name)}{where}"

    def _document(self) -> str:
        return self.pipeline.document or all_columns(self.table)


def _id(key: Key, relation: str) -> str:
    """The document id: the key as text; a composite key as a JSON array of texts."""
    texts = quote_texts(key.names, relation)
    return texts if len(key.names) == 1 else f"json_build_array({texts})::text"


def _bucket(identifier: str) -> str:
    return f'(hashtextextended({identifier} COLLATE "C", 0) & {BUCKETS - 1})::int'


def _action(operation: str, identifier: str, version: str) -> str:
    """The action line of a bulk request; Elasticsearch keeps the write only when its version is the highest."""
    return (
        f"""concat('{{"', {operation}, '":{{"_id":', to_json({identifier}), ',"version":', {version}::bigint, """
        f"""',"version_type":"external"}}}}')"""
    )


def _block_predicate(blocks: BlockRange) -> tuple[str, str]:
    lower = f"ctid >= {literal(f'({blocks.first},0)')}::tid"
    upper = f" AND ctid < {literal(f'({blocks.end},0)')}::tid" if blocks.end is not None else ""
    return lower + upper, f"ONLY {quote_table(blocks.relation)}"
