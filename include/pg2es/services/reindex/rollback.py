"""The way back: the generation that was live before, up to date because its sink went on."""

from datetime import timedelta

from pg2es.core.config import Pipeline
from pg2es.core.errors import BarrierTimeout, GenerationError, PermanentError
from pg2es.core.reports import ReportKind
from pg2es.services.clients import Clients
from pg2es.services.drift import compare_digests
from pg2es.services.generations import Generation, list_generations, note_verified, require_live_generation
from pg2es.services.reindex.alias import swap
from pg2es.services.reports import write_report
from pg2es.services.stream import pass_barrier

CATCH_UP_TIMEOUT_S = 120


def find_previous(clients: Clients, pipeline: Pipeline) -> Generation:
    """Return the generation that was replaced last and is still kept; GenerationError when there is none."""
    live = require_live_generation(clients.elasticsearch, pipeline)
    kept = [
        generation
        for generation in list_generations(clients.elasticsearch, pipeline)
        if generation.index != live.index and generation.meta.replaced_at
    ]
    if not kept:
        raise GenerationError(
            f"Pipeline {pipeline.name} has no generation to go back to beside {live.index}: "
            f"a reindex keeps the one it replaces for some hours only (Param keep_old_for)."
        )
    return max(kept, key=lambda generation: str(generation.meta.replaced_at))


def go_back(clients: Clients, pipeline: Pipeline, index: str, keep: timedelta) -> str:
    """Let the alias point to the generation that `check` verified, and return the text of the report."""
    replaced = swap(clients, pipeline, index, keep)
    kept = f", {replaced} is kept for {keep}" if replaced else ""
    text = f"Rolled back: alias {pipeline.alias} points to {index}{kept}."
    details = {"index": index, "replaced": replaced}
    write_report(clients.elasticsearch, ReportKind.ROLLBACK, pipeline.name, text, details)
    return text


def check(clients: Clients, pipeline: Pipeline, generation: Generation) -> str:
    """Verify that a generation may go live again and return what was compared; GenerationError says why it may not."""
    refused = f"Pipeline {pipeline.name} cannot go back to {generation.index}"
    try:
        pass_barrier(clients, pipeline, generation, timeout_s=CATCH_UP_TIMEOUT_S)
        comparison = compare_digests(clients, pipeline, generation)
    except (PermanentError, BarrierTimeout) as error:
        raise GenerationError(f"{refused}: {error}") from error
    if comparison.drifted:
        raise GenerationError(f"{refused}, because it differs from PostgreSQL: {comparison}.")
    note_verified(clients, generation)
    return str(comparison)
