"""The plan of a pipeline: what files and database say now, against the live generation.

What a mapping or a setting may still become in an index that is there, Elasticsearch knows best: each change is tried
on a scratch index, and its answer is the reason.
"""

import logging
from collections.abc import Iterator

from pg2es.adapters.elasticsearch import Client, indices
from pg2es.adapters.postgres import Session, read_identity
from pg2es.core.config import Pipeline
from pg2es.core.errors import (
    CatalogError,
    DocumentSqlError,
    FormatMismatch,
    GenerationError,
    NewerVersion,
    SchemaChanged,
)
from pg2es.core.generations import (
    Descent,
    Difference,
    IndexChange,
    Meta,
    Plan,
    Recipe,
    Verdict,
    compare_recipes,
    index_changes,
)
from pg2es.services.clients import Clients
from pg2es.services.generations.generation import Generation, new_meta, read_generation, read_recipe
from pg2es.services.generations.scratch import scratch_index
from pg2es.services.locks import locked_source

log = logging.getLogger(__name__)

_KEPT = "an index keeps what its mapping has"


def make_plan(clients: Clients, pipeline: Pipeline, *, tries: bool = True) -> Plan:
    """Return what the pipeline needs.

    `tries`: on a scratch index, what Elasticsearch takes. Without, nothing is made, and a change of mapping or settings
    is `UNTRIED` where only Elasticsearch knows.

    Raises GenerationError when the alias is an index, or points to several or to one that pg2es did not make.
    """
    client = clients.elasticsearch
    index = indices.live_generation(client, pipeline.alias)
    with clients.session_of(pipeline) as session:
        try:
            wanted = read_recipe(session, pipeline)
        except (CatalogError, DocumentSqlError) as error:
            return Plan(pipeline.name, index, None, (_broken("tables and document SQL", error),))
        if index is None:
            nothing = Difference("index", None, pipeline.alias, Verdict.REINDEX, "there is no generation yet")
            invalid = _try_mapping(client, pipeline, new_meta(session, pipeline, wanted)) if tries else ()
            return Plan(pipeline.name, None, wanted, (nothing, *invalid))
        try:
            live = read_generation(client, index)
        except FormatMismatch as mismatch:
            other = Difference("pg2es format", None, None, Verdict.REINDEX, str(mismatch))
            return Plan(pipeline.name, index, wanted, (other,))
        except NewerVersion as newer:
            return Plan(pipeline.name, index, wanted, (_broken("pg2es version", newer),))
        differences = _differences(client, session, pipeline, live, wanted, tries=tries)
        return Plan(pipeline.name, index, wanted, tuple(differences), live.meta.revision)


def apply_in_place(clients: Clients, generation: Generation, wanted: Recipe) -> Generation:
    """Bring settings, mapping and recipe of a generation to what is wanted; its documents are yet to be read again.

    GenerationError when Elasticsearch does not take a change, which a plan would have said.
    """
    with locked_source(clients, clients.project.source(generation.meta.source)):
        return _apply(clients.elasticsearch, read_generation(clients.elasticsearch, generation.index), wanted)


def _apply(client: Client, generation: Generation, wanted: Recipe) -> Generation:
    recipe = generation.meta.recipe
    if recipe == wanted:
        return generation
    rereads = any(True for _ in compare_recipes(recipe, wanted))
    for change in index_changes(recipe, wanted):
        if not change.possible:
            raise GenerationError(f"{change.path} cannot be changed in {generation.index}, only in a new generation.")
        log.info("%s: %s → %s", change.path, change.before, change.after)
        _request(client, generation.index, change)
        rereads = rereads or change.mapping is not None
    return generation.remember(
        client,
        recipe=wanted,
        revision=generation.meta.revision + 1,
        filled=generation.meta.filled and not rereads,
    )


def check_unchanged(session: Session, pipeline: Pipeline, generation: Generation) -> None:
    """Raise SchemaChanged when files and database no longer give the recipe of a generation that is being filled."""
    try:
        wanted = read_recipe(session, pipeline)
    except (CatalogError, DocumentSqlError) as error:
        raise SchemaChanged(pipeline.name, generation.index, str(error)) from error
    recipe = generation.meta.recipe
    if wanted != recipe:
        paths = [difference.path for difference in compare_recipes(recipe, wanted)]
        paths += [change.path for change in index_changes(recipe, wanted)]
        raise SchemaChanged(pipeline.name, generation.index, ", ".join(paths))


def _differences(
    client: Client, session: Session, pipeline: Pipeline, live: Generation, wanted: Recipe, *, tries: bool
) -> Iterator[Difference]:
    identity = read_identity(session)
    descent = live.meta.identity.compare(identity)
    if descent is not Descent.SAME:
        reason = "it was restored, copied or failed over, so its LSNs cannot be compared with those of the documents. "
        yield Difference(
            "database",
            str(live.meta.identity),
            str(identity),
            Verdict.REINDEX if descent is Descent.OTHER else Verdict.BROKEN,
            reason + descent.advise(pipeline.source),
        )
    recipe = live.meta.recipe
    yield from compare_recipes(recipe, wanted)
    changes = list(index_changes(recipe, wanted))
    if tries:
        yield from _judge_index_changes(client, pipeline, live, new_meta(session, pipeline, wanted), changes)
    else:
        yield from map(_leave_untried, changes)
    if not live.meta.filled:
        yield Difference(
            "documents",
            None,
            None,
            Verdict.IN_PLACE,
            "no backfill has gone through since the index was made or changed",
        )


def _judge_index_changes(
    client: Client, pipeline: Pipeline, live: Generation, wanted: Meta, changes: list[IndexChange]
) -> Iterator[Difference]:
    if not changes:
        return
    if invalid := list(_try_mapping(client, pipeline, wanted)):
        yield from invalid
        return
    with scratch_index(client, pipeline.alias, live.meta) as index:
        # What dynamic mapping has added since is there, too, and may stand against a new field.
        indices.put_mapping(client, index, indices.read_fields(client, live.index))
        for change in changes:
            yield _judge(client, index, live.index, change)


def _try_mapping(client: Client, pipeline: Pipeline, meta: Meta) -> Iterator[Difference]:
    """Give a difference when Elasticsearch takes such settings and mappings in no index at all."""
    try:
        with scratch_index(client, pipeline.alias, meta):
            pass
    except GenerationError as error:
        yield Difference("mapping", None, None, Verdict.BROKEN, _own_words(error))


def _leave_untried(change: IndexChange) -> Difference:
    verdict, reason = Verdict.UNTRIED, "Elasticsearch says whether the index takes it, or a new one is needed"
    if not change.possible:
        verdict, reason = Verdict.REINDEX, _KEPT
    return Difference(change.path, change.before, change.after, verdict, reason, rereads=change.settings is None)


def _judge(client: Client, index: str, live: str, change: IndexChange) -> Difference:
    verdict, reason = Verdict.IN_PLACE, "Elasticsearch takes it"
    if not change.possible:
        verdict, reason = Verdict.REINDEX, _KEPT
    else:
        try:
            _request(client, index, change)
        except GenerationError as error:
            # Equal plans are equal texts: no name of a scratch index; and to close the index is no advice for us.
            reason = _own_words(error).replace(index, live).partition(" for open indices")[0]
            verdict = Verdict.REINDEX
    return Difference(change.path, change.before, change.after, verdict, reason, rereads=change.settings is None)


def _request(client: Client, index: str, change: IndexChange) -> None:
    if change.mapping is not None:
        indices.put_mapping(client, index, change.mapping)
    if change.settings is not None:
        indices.apply_settings(client, index, change.settings)


def _own_words(error: GenerationError) -> str:
    """Return what Elasticsearch itself says, without our introduction, which names a scratch index."""
    return str(error).partition(": ")[2] or str(error)


def _broken(path: str, error: Exception) -> Difference:
    return Difference(path, None, None, Verdict.BROKEN, str(error))
