"""The way back: the generation that was live before, up to date because its sink went on."""

from pg2es.core.errors import GenerationError, PermanentError
from pg2es.core.pipeline import Pipeline
from pg2es.services.barrier import BarrierTimeout, pass_barrier
from pg2es.services.clients import Clients
from pg2es.services.digests import compare_digests
from pg2es.services.generations import Generation, list_generations, require_live_generation

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
    generation.remember(clients.elasticsearch, verified=True)
    return str(comparison)
