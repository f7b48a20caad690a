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


def read_tables(session: Session, pipeline: Pipeline) -> PipelineTables:
    """Return the pipeline's tables; CatalogError names what is missing."""
    root = read_table(session, pipeline.table)
    related = {entry.table: read_table(session, entry.table) for entry in pipeline.related}
    return PipelineTables(pipeline, DocumentSql(pipeline, root, key_of(root, pipeline.key)), related)
