"""The generations of a pipeline: which one is live, making the first, settings during and after a build."""

import logging
from dataclasses import dataclass

import psycopg
from elasticsearch import Elasticsearch

from pg2es.adapters import indices
from pg2es.adapters.elasticsearch import translate_errors
from pg2es.adapters.postgres import Session, describe_sql_error, read_identity
from pg2es.adapters.postgres import translate_errors as translate_postgres
from pg2es.core.errors import DocumentSqlError, GenerationError
from pg2es.core.generation import Meta, fingerprint, generation_name, index_body
from pg2es.core.pipeline import Pipeline
from pg2es.services.clients import PipelineTables

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Generation:
    """One physical index of a pipeline, and what it remembers."""

    index: str
    meta: Meta


def document_columns(session: Session, tables: PipelineTables) -> list[tuple[str, str]]:
    """Return names and types of the columns that the document SQL gives; DocumentSqlError when it does not run."""
    pipeline = tables.pipeline
    try:
        with translate_postgres(f"Pipeline {pipeline.name}"):
            found = session.execute(tables.sql.probe()).description or []
    except psycopg.Error as error:
        raise DocumentSqlError(pipeline.name, "document SQL", describe_sql_error(error)) from error
    return [(column.name, column.type_display) for column in found]


def live_generation(client: Elasticsearch, pipeline: Pipeline) -> Generation | None:
    """Return the generation that the alias points to, None before the first backfill."""
    index = indices.live_generation(client, pipeline.alias)
    return Generation(index, indices.read_meta(client, index)) if index else None


def require_live_generation(client: Elasticsearch, pipeline: Pipeline) -> Generation:
    """Return the generation that the alias points to; GenerationError before the first backfill."""
    found = live_generation(client, pipeline)
    if found is None:
        raise GenerationError(
            f"Pipeline {pipeline.name} has no index yet (no alias {pipeline.alias}): run DAG backfill_{pipeline.name}."
        )
    return found


def ensure_generation(client: Elasticsearch, session: Session, tables: PipelineTables) -> Generation:
    """Return the live generation; make the first one, with the alias, when there is none.

    Raises GenerationError when the files have changed in a way that the live generation cannot take.
    """
    pipeline = tables.pipeline
    wanted = fingerprint(pipeline, document_columns(session, tables))
    live = live_generation(client, pipeline)
    if live is None:
        live = _create_first(client, session, pipeline, wanted)
    if live.meta.fingerprint != wanted:
        raise GenerationError(
            f"The files of pipeline {pipeline.name} say something else than when index {live.index} was made "
            f"(document columns, mapping, settings or key). It needs a new generation: reindex."
        )
    return live


def begin_build(client: Elasticsearch, generation: Generation) -> bool:
    """Prepare for many writes and return whether the index is empty. One that is searched keeps its settings."""
    empty = indices.count_documents(client, generation.index) == 0
    if empty:
        indices.apply_settings(client, generation.index, indices.BUILD_SETTINGS)
    return empty


def finish_build(client: Elasticsearch, pipeline: Pipeline, generation: Generation) -> None:
    """Put the settings back to those of the pipeline and make everything searchable."""
    wanted = index_body(pipeline, generation.meta)["settings"]
    normal = {name: wanted.get(name, value) for name, value in indices.NORMAL_SETTINGS.items()}
    indices.apply_settings(client, generation.index, normal)
    indices.refresh_index(client, generation.index)


def _create_first(client: Elasticsearch, session: Session, pipeline: Pipeline, wanted: str) -> Generation:
    """Create index and alias in one call; a leftover of a run that was killed in between cannot exist."""
    identity = read_identity(session)
    number = max(indices.list_generations(client, pipeline.alias), default=0) + 1
    index = generation_name(pipeline.alias, number)
    meta = Meta(
        pipeline=pipeline.name,
        source=pipeline.source,
        fingerprint=wanted,
        epoch=0,
        system_identifier=identity.system_identifier,
        timeline=identity.timeline,
    )
    log.info("Creating generation %s of pipeline %s", index, pipeline.name)
    with translate_errors(f"creating index {index}"):
        client.indices.create(index=index, **index_body(pipeline, meta), aliases={pipeline.alias: {}})
    return Generation(index, meta)
