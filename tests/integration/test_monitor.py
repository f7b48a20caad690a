"""The monitor over real servers: a healthy stream, and each thing that can be wrong with one."""

import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from pg2es.cli import console
from pg2es.cli.main import main
from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import Breach, Kind, PipelineStatus, SourceStatus, Status, judge
from pg2es.core.reports import ReportKind
from pg2es.services.clients import Clients
from pg2es.services.dead_letters import replay
from pg2es.services.generations import require_live_generation
from pg2es.services.monitoring import look
from pg2es.services.reports import write_report
from pg2es.services.stream import deploy
from pg2es.services.waiting import wait_for
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder, ask_each_worker, connect


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
            found = ask_each_worker(self.clients.connect, connector)
            return all(status and {status.state, *status.tasks} == {state} for status in found)

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
    deploy(watched.clients, watched.source)


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
    # Refreshes that are due later are no lag.
    topics = (watched.source.topic_of("public.parts"), watched.source.refresh_topic("parts"))
    assert pipeline.lag == {f"{topic}-{n}": 0 for topic in topics for n in range(3)}
    assert source.dead_letters == 0
    assert pipeline.indexing
    found = watched.clients.elasticsearch.count(index=watched.index, query={"term": {"number": 7}})
    assert found["count"] == 49  # the marker came behind them
    assert look(watched.clients, status.counters).rejections == {node.name: 0}


def test_a_stopped_sink(watched: Watched) -> None:
    watched.clients.connect.stop(watched.sink)
    watched.wait_until(lambda: (s := watched.clients.connect.status(watched.sink)) is not None and s.state == "STOPPED")
    watched.database.execute("UPDATE public.parts SET number = '8' WHERE id = 1")
    watched.wait_until(lambda: sum((watched.look()[2].lag or {}).values()) == 1)
    [breach] = watched.breaches()
    assert (breach.kind, breach.about) == (Kind.CONNECTOR_NOT_RUNNING, watched.sink)
    assert "is STOPPED, its tasks: none. Run the DAG connectors" in breach.sentence


def test_a_paused_source(watched: Watched) -> None:
    watched.clients.connect.pause(watched.source.connector)
    watched.wait_for_state(watched.source.connector, "PAUSED")
    assert watched.kinds() == [(Kind.CONNECTOR_NOT_RUNNING, watched.source.connector)]


def test_a_sink_that_stands_still_while_everything_runs(watched: Watched) -> None:
    watched.allow(max_freshness_s=4)
    assert watched.breaches() == []
    with connect(watched.database.name) as session, session.transaction():
        watched.database.execute("UPDATE public.parts SET number = '9' WHERE id = 1")
        session.execute("LOCK TABLE public.parts IN ACCESS EXCLUSIVE MODE")
        status, source, pipeline = watched.look()
        assert source.connector
        assert source.connector.running
        assert pipeline.sinks[watched.sink].running
        assert source.lag
        assert source.lag.reached
        assert pipeline.freshness
        assert not pipeline.freshness.reached
        assert sum((pipeline.lag or {}).values()) == 1
        [breach] = judge(watched.clients.project, status)
    assert (breach.kind, breach.about) == (Kind.SINK_STALLED, "parts")
    assert "in vain to be searchable" in breach.sentence


def test_a_source_that_stands_still_while_everything_runs(watched: Watched) -> None:
    watched.allow(max_lag_s=4)
    with connect(watched.database.name, superuser=True) as session:
        row = session.execute("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [watched.source.slot])
        [walsender] = row.fetchone() or [0]
    os.kill(walsender, signal.SIGSTOP)
    try:
        [breach] = watched.breaches()
    finally:
        os.kill(walsender, signal.SIGCONT)
    # PostgreSQL ends a walsender that said nothing for long, and the slot is free until Debezium comes back.
    watched.allow()
    watched.wait_until(lambda: watched.breaches() == [])
    assert (breach.kind, breach.about) == (Kind.SOURCE_STALLED, watched.source.name)
    assert "in vain to be safe in Kafka" in breach.sentence


def test_a_failed_task(watched: Watched) -> None:
    config = watched.clients.connect.config(watched.sink)
    assert config
    watched.clients.connect.update(watched.sink, config | {"sql.documents": "SELECT 1 / 0, nothing"})
    watched.database.execute("UPDATE public.parts SET number = '10' WHERE id = 1")
    watched.wait_until(lambda: (s := watched.clients.connect.status(watched.sink)) is not None and s.failed)
    found = watched.breaches()
    assert [(breach.kind, breach.about) for breach in found] == [(Kind.CONNECTOR_FAILED, watched.sink)], found
    assert "Correct that, then run the DAG connectors" in found[0].sentence


def test_a_dead_letter(watched: Watched) -> None:
    watched.database.execute("UPDATE public.parts SET number = 'many' WHERE id = 1")
    watched.wait_until(lambda: watched.look()[1].dead_letters == 1)
    assert watched.kinds() == [(Kind.DEAD_LETTERS, watched.source.name)]
    watched.database.execute("UPDATE public.parts SET number = '11' WHERE id = 1")
    assert replay(watched.clients, watched.source).left == 0
    assert watched.breaches() == []


def test_the_last_runs(watched: Watched) -> None:
    client, name = watched.clients.elasticsearch, watched.pipeline.name
    write_report(client, ReportKind.BACKFILL, name, "100 rows", {})
    write_report(client, ReportKind.RECONCILE, name, "Three differ.", {}, "drift")
    [breach] = watched.breaches()
    assert (breach.kind, breach.about) == (Kind.DRIFT, name)
    assert "Three differ." in breach.sentence
    write_report(client, ReportKind.RECONCILE, name, "Equal.", {}, "equal")
    status, _, pipeline = watched.look()
    assert judge(watched.clients.project, status) == []
    assert (pipeline.runs["reconcile"].outcome, pipeline.runs["backfill"].text) == ("equal", "100 rows")


@pytest.mark.parametrize(
    ("variable", "value", "kind", "about"),
    [
        ("ELASTICSEARCH_URLS", "http://127.0.0.1:9", Kind.UNREACHABLE, "Elasticsearch"),
        ("ELASTICSEARCH_PASSWORD", "wrong", Kind.REFUSED, "Elasticsearch"),
        ("KAFKA_BOOTSTRAP", "127.0.0.1:9", Kind.UNREACHABLE, "Kafka"),
        ("CONNECT_URLS", "http://127.0.0.1:9", Kind.UNREACHABLE, "Kafka Connect"),
        ("CONNECT_PASSWORD", "wrong", Kind.REFUSED, "Kafka Connect"),
        ("POSTGRES_PORT", "9", Kind.UNREACHABLE, "PostgreSQL"),
        ("POSTGRES_PASSWORD", "wrong", Kind.REFUSED, "PostgreSQL"),
    ],
)
def test_a_server_that_cannot_be_seen_hides_no_other(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, kind: Kind, about: str
) -> None:
    monkeypatch.setenv(f"PG2ES_{variable}", value)
    status = look(watched.folder.clients())
    [breach] = judge(watched.clients.project, status)
    assert (breach.kind, breach.about.removesuffix(f" of {watched.source.name}")) == (kind, about)
    assert "wrong" not in breach.sentence
    seen = {
        "Elasticsearch": status.elasticsearch,
        "Kafka": status.brokers,
        "Kafka Connect": status.sees_connectors,
        "PostgreSQL": status.sees_slots,
    }
    assert {server for server, found in seen.items() if not found} == {about}


def test_a_worker_that_is_down(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = os.environ["PG2ES_CONNECT_URLS"].split(",")
    monkeypatch.setenv("PG2ES_CONNECT_URLS", f"http://127.0.0.1:9,{urls[0]}")
    [breach] = judge(watched.clients.project, look(watched.folder.clients()))
    assert (breach.kind, breach.about) == (Kind.WORKER_DOWN, "http://127.0.0.1:9")


def test_the_commands(watched: Watched, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(watched.folder.folder), *arguments])
        return int(ended.value.code or 0), capsys.readouterr().out

    status, out = run("status")
    assert (status, out.splitlines()[-1]) == (0, "Nothing is wrong.")
    assert watched.index in out
    status, out = run("status", "--json")
    seen = json.loads(out)
    assert (status, seen["breaches"], seen["pipelines"][0]["index"]) == (0, [], watched.index)

    watched.clients.connect.pause(watched.sink)
    watched.wait_for_state(watched.sink, "PAUSED")
    for command in ("status", "watch"):
        status, out = run(command)
        assert status == 1
        assert out.splitlines()[-1].startswith(
            f"connector_not_running {watched.sink}: Connector {watched.sink} is PAUSED"
        )
    status, out = run("status", "--json")
    assert (status, [breach["kind"] for breach in json.loads(out)["breaches"]]) == (1, ["connector_not_running"])


def test_a_dropped_slot(streamed_folder: ProjectFolder, database: Database) -> None:
    lost = Watched(streamed_folder, database)
    lost.clients.connect.stop(lost.source.connector)
    slot = f"FROM pg_replication_slots WHERE slot_name = '{lost.source.slot}'"
    lost.wait_until(lambda: database.fetch(f"SELECT {slot} AND NOT active") != [])
    database.execute(f"SELECT pg_drop_replication_slot(slot_name) {slot}")
    kinds = lost.kinds()
    assert (Kind.SLOT_MISSING, lost.source.name) in kinds
    assert (Kind.CONNECTOR_NOT_RUNNING, lost.source.connector) in kinds
