"""A pipeline's tables as the catalog knows them, and the document SQL over them."""

from dataclasses import dataclass

from pg2es.adapters.postgres import Session, read_table
from pg2es.core.config import Pipeline
from pg2es.core.sql import DocumentSql
from pg2es.core.table import Table, key_of


@dataclass(frozen=True)
class PipelineTables:
    """A pipeline together with what the catalog says about its tables."""

    pipeline: Pipeline
    sql: DocumentSql
    related: dict[str, Table]


def read_tables(session: Session, pipeline: Pipeline, known: dict[str, Table] | None = None) -> PipelineTables:
    """Return the pipeline's tables; CatalogError names what is missing.

    A table that is `known` is not read again; others become known.
    """
    known = {} if known is None else known
    for name in pipeline.tables:
        if name not in known:
            known[name] = read_table(session, name)
    root = known[pipeline.table]
    related = {entry.table: known[entry.table] for entry in pipeline.related}
    return PipelineTables(pipeline, DocumentSql(pipeline, root, key_of(root, pipeline.key)), related)
