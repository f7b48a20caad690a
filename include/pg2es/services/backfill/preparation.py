"""Before the chunks: a generation that is as the files say, and whose stream runs."""

from dataclasses import dataclass

from pg2es.core.config import Pipeline
from pg2es.core.errors import GenerationError
from pg2es.core.generations import Verdict
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.generations import (
    Generation,
    apply_in_place,
    begin_build,
    create_generation,
    read_generation,
)
from pg2es.services.locks import locked_source
from pg2es.services.stream import FENCE_TIMEOUT_S, ensure_sink, ensure_source, wait_for_fence


@dataclass(frozen=True)
class Prepared:
    """The generation that is filled, and whether it was empty when the filling began; small JSON between tasks.

    `gap`: the gap that it had then, as text: what the filling closes.
    """

    index: str
    was_empty: bool
    gap: str | None = None


def prepare(clients: Clients, pipeline: Pipeline, patience_s: float = FENCE_TIMEOUT_S) -> Prepared:
    """Bring the live generation to what the files say, make the first one if there is none, and start its stream.

    Raises GenerationError with the plan when that takes a reindex or cannot be done at all, FenceNotPassed when the
    start fence holds it up for longer than `patience_s`.
    """
    source = clients.project.source_of(pipeline)
    with locked_source(clients, source):
        plan = preflight.plan(clients, pipeline)
        if plan.wanted is None or plan.verdict is Verdict.BROKEN:
            raise GenerationError(f"A backfill cannot help pipeline {plan}\nCorrect that first.")
        if plan.index and plan.verdict is Verdict.REINDEX:
            raise GenerationError(f"A backfill cannot help pipeline {plan}\nRun the DAG reindex_{pipeline.name}.")
        ensure_source(clients, source, pipeline)
        if plan.index is None:
            with clients.session(source) as session:
                generation = create_generation(clients.elasticsearch, session, pipeline, plan.wanted, live=True)
        else:
            generation = apply_in_place(clients, read_generation(clients.elasticsearch, plan.index), plan.wanted)
        generation = ensure_sink(clients, pipeline, generation, anew=True)
    return begin(clients, pipeline, generation, patience_s)


def begin(
    clients: Clients, pipeline: Pipeline, generation: Generation, patience_s: float = FENCE_TIMEOUT_S
) -> Prepared:
    """Wait for the start fence of a generation that is fed, at most `patience_s`, and set it up for many writes."""
    with clients.session_of(pipeline) as session:
        wait_for_fence(session, generation.meta.fence or "", patience_s)
    gap = generation.meta.gap
    return Prepared(generation.index, begin_build(clients.elasticsearch, generation), gap.isoformat() if gap else None)
