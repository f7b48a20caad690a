"""Until everything that was committed before a moment is searchable, for those who wait without holding a process.

The same as the barrier, for several live indices of a source at once. How far it is fits into a small JSON, with which
any other process goes on later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import translate_errors
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import BarrierTimeout, GenerationError
from pg2es.core.generations import sink_connector
from pg2es.services.clients import Clients
from pg2es.services.stream.barrier import Reached, check_alive, is_in_kafka, progress_of, write_marker
from pg2es.services.waiting import wait_for


@dataclass(frozen=True)
class Awaited:
    """What was committed before an LSN, on its way to some pipelines, and how far it is by index.

    `index`: the generation of the one pipeline that is awaited; None: whichever is live.
    """

    lsn: int
    pipelines: Sequence[str]
    index: str | None = None
    reached: Mapping[str, Reached] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"What was committed before LSN {self.lsn} is not yet searchable in all of {', '.join(self.pipelines)}."

    def to_json(self) -> dict[str, Any]:
        """Return it as objects of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Awaited":
        """Return what `to_json` made."""
        return cls(**content | {"reached": {index: Reached(**place) for index, place in content["reached"].items()}})


def await_commits(
    clients: Clients, source: Source, pipelines: Sequence[Pipeline] | None = None, index: str | None = None
) -> Awaited:
    """Return what is awaited for everything to be searchable that was committed before this call.

    `pipelines`: in which; None: in each of the source that has an index. `index`: in this generation of the pipeline.
    Raises GenerationError when there is none.
    """
    wanted = clients.project.pipelines_of(source) if pipelines is None else pipelines
    live = [one for one in wanted if pipelines or indices.live_generation(clients.elasticsearch, one.alias)]
    if not live:
        raise GenerationError(f"No pipeline of source {source.name} has an index yet; run the DAG of a backfill.")
    with clients.session(source) as session, translate_errors(f"Source {source.name}"):
        return Awaited(write_marker(session), [pipeline.name for pipeline in live], index)


def follow_commits(clients: Clients, source: Source, awaited: Awaited, patience_s: float) -> Awaited | None:
    """Return None as soon as everything is searchable; after `patience_s`, how far it is.

    A pipeline whose alias has gone to another generation meanwhile is awaited there from the beginning. Raises
    ConnectorError when a connector has failed, GenerationError when a pipeline has no live index.
    """
    left: Awaited | None = awaited

    def look() -> bool:
        nonlocal left
        left = _look(clients, source, left or awaited)
        return left is None

    try:
        wait_for(look, timeout_s=patience_s, on_timeout=lambda: BarrierTimeout(str(left)))
    except BarrierTimeout:
        return left
    return None


def _look(clients: Clients, source: Source, awaited: Awaited) -> Awaited | None:
    check_alive(clients, source.connector)
    if not is_in_kafka(clients.connect, source.connector, awaited.lsn):
        return awaited
    reached, done = {}, True
    for pipeline in map(clients.project.pipeline, awaited.pipelines):
        index = awaited.index or indices.live_generation(clients.elasticsearch, pipeline.alias)
        if index is None:
            raise GenerationError(f"Pipeline {pipeline.name} has no index; run the DAG backfill_{pipeline.name}.")
        sink = sink_connector(index)
        check_alive(clients, sink)
        progress = progress_of(clients, sink, awaited.reached.get(index))
        if progress.is_done():
            indices.refresh_index(clients.elasticsearch, index)
        else:
            done = False
        reached[index] = progress.reached
    return None if done else replace(awaited, reached=reached)
