"""A pipeline file and a mapping for a table, as a start for one's own."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from pg2es.adapters.files import write_file
from pg2es.adapters.postgres import Session, read_table
from pg2es.core.config import Project
from pg2es.core.errors import CatalogError, ConfigError
from pg2es.core.mapping_types import ColumnType, TypeKind, suggest_field, suggest_mapping
from pg2es.core.sql import quote_table
from pg2es.core.sql import suggest as statements
from pg2es.core.table import Table, key_of
from pg2es.services.clients import Clients


@dataclass(frozen=True)
class Suggested:
    """The files that were written."""

    pipeline: Path
    mapping: Path


def suggest(clients: Clients, source_name: str, table_name: str, *, name: str | None, force: bool) -> Suggested:
    """Write a pipeline file and a mapping for a table.

    Raises ConfigError when a file is there already (unless `force`), the name is none, or the source is unknown;
    CatalogError when there is no such table, or no key; NotWritten when one of the files cannot be written.
    """
    project = clients.project
    source = project.source(source_name)
    if table_name.count(".") != 1:
        raise ConfigError(project.source_file(source), "", f"write the table as schema.table, not {table_name!r}")
    pipeline = name or _name_for(table_name)
    written = Suggested(
        project.folder / "pipelines" / f"{pipeline}.yaml", project.folder / "mappings" / f"{pipeline}.json"
    )
    _check_name(project, pipeline, written, force=force)
    with clients.session(source) as session:
        table = read_table(session, table_name)
        key = _find_key(session, table)
        columns = [
            ColumnType(column, type_name, TypeKind(kind), length, precision)
            for column, type_name, kind, length, precision in session.execute(
                statements.COLUMN_TYPES, [quote_table(table_name)]
            )
        ]
    write_file(written.mapping, json.dumps(suggest_mapping(columns), indent=2, ensure_ascii=False) + "\n")
    write_file(written.pipeline, _pipeline_text(source_name, table_name, key, columns))
    return written


def _name_for(table_name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "_", table_name.split(".")[1].lower())


def _check_name(project: Project, name: str, written: Suggested, *, force: bool) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        raise ConfigError(
            written.pipeline, "", f"{name!r} is no name of a pipeline (a-z, 0-9, _ and -); give one with --name"
        )
    for file in (written.pipeline, written.mapping):
        if file.exists() and not force:
            raise ConfigError(file, "", "is there already; give another --name, or --force to overwrite it")
    for other in project.pipelines.values():
        if other.alias == name and other.name != name:
            raise ConfigError(written.pipeline, "", f"{name} is the alias of pipeline {other.name}; give a --name")


def _find_key(session: Session, table: Table) -> tuple[str, ...] | None:
    """Return the columns for `key`, None when the primary key serves."""
    if table.primary_key:
        key_of(table, None)
        return None
    for (columns,) in session.execute(statements.UNIQUE_KEYS, [quote_table(table.name)]):
        try:
            return key_of(table, tuple(columns)).names
        except CatalogError:
            continue  # of a type that is no key; perhaps the next one
    key_of(table, None)  # says what is missing
    return None


def _pipeline_text(source: str, table: str, key: tuple[str, ...] | None, columns: list[ColumnType]) -> str:
    notes = [f"#   {column.column}: {note}" for column in columns if (note := suggest_field(column).note)]
    comments = ["# All columns of the table. docs/pipeline-file.md explains every key."]
    if notes:
        comments += ["# In the mapping:", *notes]
    content = {"source": source, "table": table} | ({"key": list(key)} if key else {})
    return "\n".join(comments) + "\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
