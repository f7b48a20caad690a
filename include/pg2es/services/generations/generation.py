"""The generations of a pipeline: which there are and what they are made from, making one, settings of a build."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import Session, read_identity, translate_sql_errors
from pg2es.core.config import Pipeline
from pg2es.core.errors import ElasticsearchUnavailable, GenerationError
from pg2es.core.generations import Meta, Recipe, generation_name, index_body
from pg2es.core.sql import DocumentSql, all_columns, catalog
from pg2es.services.clients import Clients
from pg2es.services.locks import locked_source
from pg2es.services.tables import read_tables

log = logging.getLogger(__name__)

GREEN_TIMEOUT_S = 1800


@dataclass(frozen=True)
class Generation:
    """One physical index of a pipeline, and what it remembers."""

    index: str
    meta: Meta

    def made_from(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline as it was when this generation was made: by that it is fed and compared."""
        recipe = self.meta.recipe
        return pipeline.model_copy(
            update={name: getattr(recipe, name) for name in ("table", "key", "document", "mapping", "related")}
        )

    def note_gap(self, client: Elasticsearch, **changes: Any) -> "Generation":
        """Write down that changes may be missing from now on, whatever was found before, and return the generation.

        The time tells this gap from an earlier one: a backfill closes only the one that was open when it began.
        """
        return self.remember(client, gap=datetime.now(UTC), verified=False, **changes)

    def remember(self, client: Elasticsearch, **changes: Any) -> "Generation":
        """Write changes of `_meta` and return the generation with them.

        What others wrote there since this one was read stays: a fence, first of all.
        """
        changed = Generation(self.index, indices.read_meta(client, self.index).with_(**changes))
        indices.write_meta(client, self.index, changed.meta)
        return changed


def read_recipe(session: Session, pipeline: Pipeline) -> Recipe:
    """Return what a generation would be made from now, by files and database.

    Raises CatalogError when a table, column or key is missing, DocumentSqlError when the document SQL does not run.
    """
    tables = read_tables(session, pipeline)
    columns = document_columns(session, tables.sql)
    return Recipe(
        table=pipeline.table,
        key=tables.sql.key.names,
        document=pipeline.document or all_columns(tables.sql.table),
        columns=tuple(columns),
        mapping=pipeline.mapping,
        related=pipeline.related,
    )


def list_generations(client: Elasticsearch, pipeline: Pipeline) -> list[Generation]:
    """Return the pipeline's generations in the order they were made, as far as this version of pg2es reads them."""
    found = []
    for index in indices.list_generations(client, pipeline.alias).values():
        try:
            found.append(Generation(index, indices.read_meta(client, index)))
        except GenerationError as error:
            log.warning("%s", error)
    return found


def read_generation(client: Elasticsearch, index: str) -> Generation:
    """Return the generation that an index is; GenerationError when the index is gone or somebody else's."""
    return Generation(index, indices.read_meta(client, index))


def live_generation(client: Elasticsearch, pipeline: Pipeline) -> Generation | None:
    """Return the generation that the alias points to, None before the first backfill."""
    index = indices.live_generation(client, pipeline.alias)
    return read_generation(client, index) if index else None


def require_live_generation(client: Elasticsearch, pipeline: Pipeline) -> Generation:
    """Return the generation that the alias points to; GenerationError before the first backfill."""
    found = live_generation(client, pipeline)
    if found is None:
        raise GenerationError(
            f"Pipeline {pipeline.name} has no index yet (no alias {pipeline.alias}): run DAG backfill_{pipeline.name}."
        )
    return found


def create_generation(
    client: Elasticsearch, session: Session, pipeline: Pipeline, recipe: Recipe, *, live: bool
) -> Generation:
    """Make the next generation; a `live` one comes with the alias, in the same step."""
    number = max(indices.list_generations(client, pipeline.alias), default=0) + 1
    index = generation_name(pipeline.alias, number)
    meta = new_meta(session, pipeline, recipe)
    log.info("Creating generation %s of pipeline %s", index, pipeline.name)
    indices.create_index(client, index, index_body(meta), pipeline.alias if live else None)
    return Generation(index, meta)


def new_meta(session: Session, pipeline: Pipeline, recipe: Recipe) -> Meta:
    """Return what a new generation made from this database remembers."""
    identity = read_identity(session)
    return Meta(
        pipeline=pipeline.name,
        source=pipeline.source,
        recipe=recipe,
        epoch=0,
        system_identifier=identity.system_identifier,
        timeline=identity.timeline,
    )


def note_verified(clients: Clients, compared: Generation) -> None:
    """Write down that a generation was found equal to PostgreSQL, as it was when that comparison began.

    Raises GenerationError when it has a gap since.
    """
    with locked_source(clients, clients.project.source(compared.meta.source)):
        generation = read_generation(clients.elasticsearch, compared.index)
        if generation.meta.gap != compared.meta.gap:
            raise GenerationError(
                f"{compared.index} misses changes since {generation.meta.gap}, while it was compared. Run this again."
            )
        generation.remember(clients.elasticsearch, verified=True)


def note_histories(client: Elasticsearch, generation: Generation) -> Generation:
    """Write down the histories of a generation's shards, and a gap when one begins in an earlier state.

    Under the source's lock.
    """
    known, found = generation.meta.histories, indices.read_histories(client, generation.index)
    if found.items() <= known.items():
        return generation
    remember = generation.remember
    if any(known.get(shard, history) != history for shard, history in found.items()):
        log.warning(
            "Index %s is no longer as the stream left it (a snapshot was restored, or a shard was allocated by force)",
            generation.index,
        )
        remember = generation.note_gap
    return remember(client, histories=known | found)


def begin_build(client: Elasticsearch, generation: Generation) -> bool:
    """Prepare for many writes and return whether the index is empty. One that is searched keeps its settings."""
    empty = indices.count_documents(client, generation.index) == 0
    if empty:
        indices.apply_settings(client, generation.index, indices.BUILD_SETTINGS)
    return empty


def finish_build(client: Elasticsearch, generation: Generation) -> None:
    """Put the settings back to those of the recipe and make everything searchable."""
    wanted = index_body(generation.meta)["settings"]
    normal = {name: wanted.get(name, value) for name, value in indices.NORMAL_SETTINGS.items()}
    indices.apply_settings(client, generation.index, normal)
    indices.refresh_index(client, generation.index)


def wait_until_green(client: Elasticsearch, generation: Generation, timeout_s: float = GREEN_TIMEOUT_S) -> None:
    """Wait until every copy of every shard is there, as far as there are nodes for them."""
    status, copies, nodes = indices.read_health(client, generation.index, 0)
    if copies > nodes and status == "yellow":
        log.warning(
            "%s wants %d copies of each shard and there are %d nodes: it stays yellow", generation.index, copies, nodes
        )
        return
    if status != "green":
        status, _, _ = indices.read_health(client, generation.index, timeout_s)
    if status != "green":
        raise ElasticsearchUnavailable(
            f"Index {generation.index} is {status} after {timeout_s:.0f} s; "
            f"ask Elasticsearch why (GET _cluster/allocation/explain)."
        )


def document_columns(session: Session, sql: DocumentSql) -> list[tuple[str, str]]:
    """Return names and types of the columns that the document SQL gives; DocumentSqlError when it does not run."""
    with translate_sql_errors(sql.pipeline.name):
        found = session.execute(sql.probe()).description or []
    own = [column.type_code for column in found if column.type_display == str(column.type_code)]
    names: dict[int, str] = dict(session.execute(catalog.TYPE_NAMES, [own]).fetchall()) if own else {}
    return [(column.name, names.get(column.type_code, column.type_display)) for column in found]
