"""The reindex of a pipeline: a new generation beside the live one, verified before the alias goes there.

    plan ──▶ create ──▶ start_stream ──▶ chunks ──▶ settle ──▶ verify ──▶ smoke ──▶ swap ──▶ (kept) ──▶ retire
             index      sink, fence                settings,   drift      queries    one call
                                                   green       is zero

Each step looks at the world and does what is left, so each may be killed and run again. Until the swap, the live
generation serves and streams as if nothing happened. Chunks are those of a backfill (services/backfill).
"""

import logging
from datetime import timedelta

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import read_identity
from pg2es.core.backfill import Chunk
from pg2es.core.config import Pipeline, Verification
from pg2es.core.drift import Comparison
from pg2es.core.errors import DriftFound, GenerationError, SmokeTestFailed
from pg2es.core.generations import Difference, Plan, Verdict
from pg2es.core.reports import ReportKind
from pg2es.services import backfill, preflight
from pg2es.services.clients import Clients
from pg2es.services.drift import compare, compare_digests
from pg2es.services.generations import (
    check_unchanged,
    create_generation,
    list_generations,
    note_verified,
    read_generation,
    read_recipe,
    wait_until_green,
)
from pg2es.services.locks import locked_source
from pg2es.services.reindex.alias import swap
from pg2es.services.reports import write_report
from pg2es.services.stream import FENCE_TIMEOUT_S, ensure_sink, ensure_source

log = logging.getLogger(__name__)

_COMPARISONS = {Verification.DIGEST: compare_digests, Verification.BYTES: compare}


def plan(clients: Clients, pipeline: Pipeline, *, take_over_index: bool) -> Plan:
    """Return the plan; with `take_over_index` also where the alias' name is an index, whose place is taken.

    Raises GenerationError when the pipeline is broken, or its alias' name is an index and that was not asked for.
    """
    if take_over_index and indices.is_index(clients.elasticsearch, pipeline.alias):
        reason = "the new generation takes the place of the index of this name, which is removed"
        return Plan(pipeline.name, None, None, (Difference(pipeline.alias, None, None, Verdict.REINDEX, reason),))
    found = preflight.plan(clients, pipeline)
    if found.verdict is Verdict.BROKEN:
        raise GenerationError(f"A reindex cannot help pipeline {found}")
    return found


def create(clients: Clients, pipeline: Pipeline) -> str:
    """Return the index of a new generation, or of one that an earlier run began with the same recipe and left.

    Raises CatalogError when the preflight finds errors.
    """
    client, source = clients.elasticsearch, clients.project.source_of(pipeline)
    with locked_source(clients, source), clients.session(source) as session:
        preflight.require_sound(clients, source, [pipeline])
        wanted = read_recipe(session, pipeline)
        identity = read_identity(session)
        serving = None if indices.is_index(client, pipeline.alias) else indices.live_generation(client, pipeline.alias)
        for left in reversed(list_generations(client, pipeline)):
            unfinished = left.index != serving and left.meta.keep_until is None
            if unfinished and left.meta.recipe == wanted and left.meta.identity == identity:
                log.info("Going on with %s, which an earlier run left", left.index)
                left.remember(client, verified=False)
                return left.index
        return create_generation(client, session, pipeline, wanted, live=False).index


def start_stream(
    clients: Clients, pipeline: Pipeline, index: str, patience_s: float = FENCE_TIMEOUT_S
) -> backfill.Prepared:
    """Feed the new generation by a sink of its own, and wait for its start fence, at most `patience_s`."""
    source = clients.project.source_of(pipeline)
    with locked_source(clients, source):
        ensure_source(clients, source, pipeline)
        generation = ensure_sink(clients, pipeline, read_generation(clients.elasticsearch, index), anew=True)
    return backfill.begin(clients, pipeline, generation, patience_s)


def finish_build(clients: Clients, pipeline: Pipeline, prepared: backfill.Prepared, chunks: list[Chunk]) -> None:
    """Copy what came since the plan, put settings back, sweep, and wait until every copy of the index is there.

    Raises DocumentsRejected when some of what came since was rejected.
    """
    settled = backfill.settle(clients, pipeline, prepared, chunks)
    samples = [sample for result in settled.added for sample in result.samples]
    backfill.check_rejected(pipeline.name, sum(result.rejected for result in settled.added), samples)
    wait_until_green(clients.elasticsearch, settled.generation)


def verify(clients: Clients, pipeline: Pipeline, index: str, verification: Verification) -> Comparison:
    """Compare the new generation with PostgreSQL, behind a barrier, and remember that it was found equal.

    Raises DriftFound when a document differs, SchemaChanged when files and database are not what it was made from.
    """
    generation = read_generation(clients.elasticsearch, index)
    with clients.session_of(pipeline) as session:
        check_unchanged(session, pipeline, generation)
    comparison = _COMPARISONS[verification](clients, pipeline, generation)
    if comparison.drifted or comparison.unreadable:
        raise DriftFound(
            f"The new generation differs from PostgreSQL, so the alias stays where it is: {comparison}. "
            f"Clear the chunks to read them again, or run the reindex anew."
        )
    note_verified(clients, generation)
    return comparison


def run_smoke_queries(clients: Clients, pipeline: Pipeline, index: str) -> list[int]:
    """Run the pipeline file's smoke queries on the new generation and return how many documents each finds."""
    found = []
    for number, smoke in enumerate(pipeline.smoke):
        count = indices.count_matches(clients.elasticsearch, index, smoke.query)
        if count < smoke.at_least:
            raise SmokeTestFailed(
                f"Pipeline {pipeline.name}, smoke.{number}: the query finds {count:,} documents in {index}, expected "
                f"at least {smoke.at_least:,}. The alias stays where it is."
            )
        found.append(count)
    return found


def go_live(clients: Clients, pipeline: Pipeline, index: str, keep: timedelta, compared: str) -> str:
    """Let the alias point to the new generation, and return the text of the report; `compared`: what was verified.

    Raises SchemaChanged when files and database changed since it was filled.
    """
    with clients.session_of(pipeline) as session:
        check_unchanged(session, pipeline, read_generation(clients.elasticsearch, index))
    replaced = swap(clients, pipeline, index, keep)
    kept = f" {replaced} is kept for {keep}." if replaced and replaced != pipeline.alias else ""
    text = f"Alias {pipeline.alias} points to {index}. Verified: {compared}.{kept}"
    details = {"index": index, "replaced": replaced}
    write_report(clients.elasticsearch, ReportKind.REINDEX, pipeline.name, text, details)
    return text
