"""The monitor over real servers: a healthy stream, and each thing that can be wrong with one."""

from collections.abc import Callable, Iterator

import pytest

from pg2es.core.breaches import Breach, Kind
from pg2es.core.generation import sink_connector
from pg2es.core.judgement import judge
from pg2es.core.status import PipelineStatus, SourceStatus, Status
from pg2es.services import connectors
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.monitor import look
from pg2es.services.waiting import wait_for
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder


class Watched:
    """A pipeline `parts` with its stream, and short limits."""

    def __init__(self, folder: ProjectFolder, database: Database) -> None:
        self.folder = folder
        self.database = database
        database.execute(
            "CREATE TABLE public.parts (id bigint PRIMARY KEY, number text)",
            "INSERT INTO public.parts SELECT n, n::text FROM generate_series(1, 100) n",
        )
        mapping = {"mappings": {"dynamic": False, "properties": {"number": {"type": "integer"}}}}
        self.pipeline = folder.add_pipeline("parts", "public.parts", mapping=mapping)
        self.clients: Clients = folder.clients()
        self.source = folder.source_model()
        run_backfill(self.clients, self.pipeline)
        self.index = require_live_generation(self.clients.elasticsearch, self.pipeline).index
        self.sink = sink_connector(self.index)

    def allow(self, *, max_lag_s: float = 30, max_freshness_s: float = 45) -> None:
        self.folder.change(f"sources/{self.source.name}.yaml", monitor={"max_lag_s": max_lag_s})
        self.folder.change("pipelines/parts.yaml", monitor={"max_freshness_s": max_freshness_s})
        self.clients = self.folder.clients()

    def look(self) -> tuple[Status, SourceStatus, PipelineStatus]:
        status = look(self.clients)
        [source], [pipeline] = status.sources, status.pipelines
        return status, source, pipeline

    def breaches(self) -> list[Breach]:
        return judge(self.clients.project, look(self.clients))

    def kinds(self) -> list[tuple[Kind, str]]:
        return [(breach.kind, breach.about) for breach in self.breaches()]

    def wait_until(self, check: Callable[[], bool]) -> None:
        wait_for(check, timeout_s=60, on_timeout=lambda: AssertionError(f"{look(self.clients)}"))

    def wait_for_state(self, connector: str, state: str) -> None:
        def reached() -> bool:
            status = self.clients.connect.status(connector)
            return status is not None and {status.state, *status.tasks} == {state}

        self.wait_until(reached)


@pytest.fixture(scope="module")
def watched(module_folder: tuple[ProjectFolder, Database]) -> Watched:
    return Watched(*module_folder)


@pytest.fixture(autouse=True)
def healthy_again(watched: Watched) -> Iterator[None]:
    """Each test leaves the stream as it found it."""
    watched.allow()
    yield
    watched.allow()
    connectors.deploy(watched.clients, watched.source)


def test_a_healthy_stream(watched: Watched) -> None:
    watched.database.execute("UPDATE public.parts SET number = '7' WHERE id < 50")
    status, source, pipeline = watched.look()
    assert judge(watched.clients.project, status) == []
    assert set(status.workers.values()) == {None}
    assert (len(status.workers), status.brokers) == (2, 1)
    assert status.elasticsearch
    assert status.elasticsearch.health in ("green", "yellow")
    [node] = status.elasticsearch.nodes
    assert 0 < node.heap_percent <= 100
    assert node.disk_free_bytes > node.disk_watermark_bytes > 0
    assert source.connector
    assert source.connector.running
    assert source.slot
    assert source.slot.active
    assert source.slot.retained_bytes > 0
    assert source.lag
    assert pipeline.freshness
    assert 0 < source.lag.ms <= pipeline.freshness.ms < 45_000
    assert (pipeline.index, pipeline.sink, list(pipeline.sinks)) == (watched.index, watched.sink, [watched.sink])
    assert pipeline.lag == {f"{watched.source.topic_of('public.parts')}-{n}": 0 for n in range(3)}
    assert source.dead_letters == 0
    assert pipeline.indexing
    found = watched.clients.elasticsearch.count(index=watched.index, query={"term": {"number": 7}})
    assert found["count"] == 49  # the marker came behind them
    assert look(watched.clients, status.counters).rejections == {node.name: 0}
