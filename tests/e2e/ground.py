"""Pipelines that a test may change while Airflow runs them: a database, a source and files of their own."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from elasticsearch import Elasticsearch

from demo.airflow import Airflow
from pg2es.adapters.airflow import Run, RunState
from pg2es.adapters.elasticsearch import indices
from pg2es.adapters.postgres import fetch_one
from pg2es.core.config import Pipeline
from pg2es.core.errors import AirflowError
from pg2es.core.generations import Plan, sink_connector
from pg2es.core.sql import protocol
from pg2es.services.clients import Clients
from pg2es.services.drift import compare
from pg2es.services.generations import Generation, make_plan, require_live_generation
from pg2es.services.stream import remove_sinks
from pg2es.services.waiting import wait_for
from stack.config import load_config
from tests import oracle
from tests.e2e.task_processes import find_task_processes
from tests.e2e.watchers import Searcher
from tests.e2e.writers import SCHEMA, STABLE, Writers
from tests.support import (
    Database,
    ProjectFolder,
    new_name,
    remove_stream,
    temporary_database,
    temporary_prefix,
)

TIMEOUT_S = 400
DOCUMENT = """\
SELECT root.id, root.code, root.kind, root.title, root.amount, root.body,
       (SELECT json_build_object('id', a.id, 'name', a.name)
        FROM public.authors a WHERE a.id = root.author_id) AS author
FROM root
"""
MAPPING: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {
        "dynamic": False,
        "properties": {
            "id": {"type": "long"},
            "code": {"type": "keyword"},
            "kind": {"type": "keyword"},
            "title": {"type": "text"},
            "amount": {"type": "integer"},
            "body": {"type": "text"},
            "author": {"properties": {"id": {"type": "long"}, "name": {"type": "text"}}},
        },
    },
}
AUTHORS_MAPPING = {
    **MAPPING,
    "mappings": {"dynamic": False, "properties": {"id": {"type": "long"}, "name": {"type": "text"}}},
}
UNSCHEDULED: dict[str, Any] = {"reconcile": {"every_h": None}}
RECONCILE = "reconcile"
"""Runs after each swap, and so only where a test lets it."""
DAG_FILES = ("backfill", RECONCILE, "reindex", "rollback")
"""DAG files that make a DAG for each pipeline."""


@dataclass(frozen=True)
class Ground:
    """Two pipelines: `notes` with document SQL and a related table, `authors` without. Airflow runs their DAGs."""

    airflow: Airflow
    folder: ProjectFolder
    database: Database

    @property
    def ports(self) -> Mapping[str, int]:
        """Ports of the servers, under the names of stack.toml."""
        return load_config().ports

    @property
    def notes(self) -> str:
        """Name of the pipeline of the notes, and its alias."""
        return f"{self.folder.source}-notes"

    @property
    def authors(self) -> str:
        """Name of the pipeline of the authors, and its alias."""
        return f"{self.folder.source}-authors"

    @property
    def clients(self) -> Clients:
        """Clients for the files as they are now."""
        return self.folder.clients()

    def write_pipelines(self) -> None:
        """Write the files as a test finds them."""
        roots = "SELECT n.id FROM public.notes n JOIN changed ON n.author_id = changed.id"
        self.add_pipeline(
            self.notes,
            "public.notes",
            document=DOCUMENT,
            mapping=MAPPING,
            related=[{"table": "public.authors", "roots_sql": roots}],
            smoke=[{"query": {"term": {"kind": "stable"}}, "at_least": STABLE}],
            **UNSCHEDULED,
        )
        self.add_pipeline(self.authors, "public.authors", mapping=AUTHORS_MAPPING, **UNSCHEDULED)

    def add_pipeline(self, name: str, table: str, **keys: Any) -> Pipeline:
        """Write a pipeline whose alias is its name."""
        return self.folder.add_pipeline(name, table, alias=name, **keys)

    def remove_pipeline(self, name: str) -> None:
        """Take a pipeline out of Airflow, the configuration folder and Kafka Connect; its indices stay."""
        clients = self.clients
        pipeline = clients.project.pipeline(name)
        dag_ids = [f"{file}_{name}" for file in DAG_FILES]
        _end_runs(self.airflow, dag_ids)
        remove_sinks(clients, clients.project.source_of(pipeline), pipeline)
        self.remove_files(name)
        for dag_id in dag_ids:
            self.airflow.delete_dag(dag_id)

    def remove_files(self, pipeline: str) -> None:
        """Remove the files of a pipeline."""
        (self.folder.folder / "pipelines" / f"{pipeline}.yaml").unlink()
        (self.folder.folder / "mappings" / f"{pipeline}.json").unlink()
        (self.folder.folder / "documents" / f"{pipeline}.sql").unlink(missing_ok=True)

    def change_pipeline(self, pipeline: str, **keys: Any) -> None:
        """Change keys of a pipeline file."""
        self.folder.change(f"pipelines/{pipeline}.yaml", **keys)

    def change_mapping(
        self, pipeline: str, *, analysis: dict[str, Any] | None = None, **fields: dict[str, Any]
    ) -> None:
        """Change fields of a mapping, and analysis settings."""
        path = f"mappings/{pipeline}.json"
        mapping = json.loads((self.folder.folder / path).read_text(encoding="utf-8"))
        mapping["mappings"]["properties"] |= fields
        if analysis:
            mapping["settings"]["analysis"] = analysis
        self.folder.write(path, mapping)

    def change_document(self, pipeline: str, old: str, new: str) -> None:
        """Replace a part of the document SQL."""
        path = f"documents/{pipeline}.sql"
        document = (self.folder.folder / path).read_text(encoding="utf-8")
        assert old in document
        self.folder.write(path, document.replace(old, new))

    def plan(self, pipeline: str) -> Plan:
        """Return what a pipeline needs now."""
        clients = self.clients
        return make_plan(clients, clients.project.pipeline(pipeline))

    def read_dags(self, *pipelines: str) -> None:
        """Let Airflow read the DAG files again, and wait until it knows the DAGs of these pipelines."""
        tokens = {dag["relative_fileloc"]: dag["file_token"] for dag in self.airflow.call("GET", "/dags")["dags"]}
        for token in tokens.values():
            # A file that waits for being read already is answered by 409.
            self._send("PUT", f"/parseDagFile/{token}", allowed=(httpx.codes.CONFLICT,))
        for pipeline in pipelines:
            for file in DAG_FILES:
                self.airflow.wait_until_parsed(f"{file}_{pipeline}", TIMEOUT_S)
                if file != RECONCILE:
                    self.airflow.unpause(f"{file}_{pipeline}")
        known = {*pipelines}
        self.wait_for_param("schema_watch", "pipelines", lambda param: known <= {*param["schema"]["items"]["enum"]})

    @contextmanager
    def monitored(self, **settings: Any) -> Iterator[None]:
        """Let the DAG monitor run with these settings (`monitor` of platform.yaml), by the schedule that they give."""
        platform = self.folder.folder / "platform.yaml"
        before = platform.read_text(encoding="utf-8")
        self.folder.change("platform.yaml", monitor=settings)
        try:
            self._wait_for_monitor(settings)
            self.airflow.unpause("monitor")
            yield
        finally:
            self.folder.write("platform.yaml", before)
            self._wait_for_monitor(yaml.safe_load(before).get("monitor", {}))

    def _wait_for_monitor(self, settings: Mapping[str, Any]) -> None:
        """Wait until Airflow knows the monitor as the settings say."""
        every_s = settings.get("every_s", 60)
        schedule = str(timedelta(seconds=every_s)) if every_s else None

        def is_read() -> bool:
            found = self.airflow.call("GET", "/dags/monitor")["timetable_summary"]
            tasks = self.airflow.call("GET", "/dags/monitor/tasks")["tasks"]
            notifies = any(task["task_id"] == "notify" for task in tasks)
            return (found, notifies) == (schedule, bool(settings.get("notify")))

        self.read_dags()
        wait_for(is_read, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError("the DAG monitor stays as it is"))

    def wait_for_param(self, dag_id: str, name: str, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until a condition holds of a Param as Airflow knows it: it writes a DAG that it had some time later."""

        def holds() -> bool:
            return condition(self.airflow.call("GET", f"/dags/{dag_id}/details")["params"][name])

        wait_for(holds, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError(f"{dag_id} keeps its Param {name}"))

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        """Trigger a run and wait until it has succeeded; AirflowError says which task failed and why."""
        run = self.airflow.trigger(dag_id, conf)
        self.airflow.wait([run], TIMEOUT_S)
        return run

    def reindex(self, pipeline: str, **params: Any) -> Run:
        """Run the reindex DAG of a pipeline to its end."""
        return self.run(f"reindex_{pipeline}", params)

    def list_runs(self, dag_id: str) -> dict[str, RunState]:
        """Return the runs of a DAG with their states, the latest first."""
        found = self.airflow.call("GET", f"/dags/{dag_id}/dagRuns", params={"order_by": "-run_after", "limit": 100})
        return {run["dag_run_id"]: RunState(run["state"]) for run in found["dag_runs"]}

    def wait_for_new_run(self, dag_id: str, known: Collection[str]) -> Run:
        """Wait until somebody else has started a run that is not known, and until it is over; return it."""

        def find() -> list[Run]:
            return [Run(dag_id, run_id) for run_id in self.list_runs(dag_id) if run_id not in known]

        runs = wait_for(find, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError(f"nobody started {dag_id}"))
        self.airflow.wait(runs, TIMEOUT_S)
        return runs[0]

    def last_asset_event(self, asset: str) -> dict[str, Any]:
        """Return what the newest event of an asset carries."""
        found = self.airflow.call("GET", "/assets", params={"name_pattern": asset})["assets"]
        [asset_id] = [one["id"] for one in found if one["name"] == asset]
        params = {"asset_id": asset_id, "order_by": "-timestamp", "limit": 1}
        [event] = self.airflow.call("GET", "/assets/events", params=params)["asset_events"]
        return dict(event["extra"])

    def attempts(self, run: Run) -> dict[str, int]:
        """Return how often each task of a run was tried; of mapped ones, the highest number."""
        found: dict[str, int] = {}
        for task in self.airflow.progress(run).tasks:
            found[task.task_id] = max(task.attempt, found.get(task.task_id, 0))
        return found

    def states(self, run: Run) -> dict[str, str | None]:
        """Return the state of each task of a run; of mapped ones, of the last."""
        return {task.task_id: task.state for task in self.airflow.progress(run).tasks}

    def note_of(self, run: Run) -> str:
        """Return what people read about a run in the UI."""
        return str(self.airflow.call("GET", run.path)["note"] or "")

    def live(self, pipeline: str) -> Generation:
        """Return the generation that searches find."""
        return require_live_generation(self.clients.elasticsearch, self.clients.project.pipeline(pipeline))

    def generations(self, pipeline: str) -> list[str]:
        """Return the indices of a pipeline, the oldest first."""
        return list(indices.list_generations(self.clients.elasticsearch, pipeline).values())

    def sinks(self, pipeline: str) -> list[str]:
        """Return the sink connectors of a pipeline, the oldest first."""
        prefix = sink_connector(f"{pipeline}-")
        return sorted(name for name in self.clients.connect.list_connectors() if name.startswith(prefix))

    def check_equal(self, pipeline: str, generation: Generation | None = None) -> None:
        """Fail unless every document of a generation, the live one by default, equals its row."""
        clients = self.clients
        judged, generation = clients.project.pipeline(pipeline), generation or self.live(pipeline)
        found = compare(clients, judged, generation)
        assert found.clean, str(found)
        oracle.check(clients, judged, generation)

    def search(self, alias: str, **query: Any) -> list[dict[str, Any]]:
        """Return the documents that a query finds."""
        client = self.clients.elasticsearch
        client.indices.refresh(index=alias)
        return [hit["_source"] for hit in client.search(index=alias, query=query, size=10)["hits"]["hits"]]

    def count(self, alias: str, **query: Any) -> int:
        """Return how many documents a query finds."""
        client = self.clients.elasticsearch
        client.indices.refresh(index=alias)
        return int(client.count(index=alias, query=query)["count"])

    @contextmanager
    def under_fire(self) -> Iterator[tuple[Writers, Searcher]]:
        """Change rows and search all the time; at the end everything must have been found, and all sides agree."""
        with Searcher(self.notes, {"term": {"kind": "stable"}}, STABLE) as searcher:
            with Writers(self.database) as writers, searcher.following(writers, self):
                yield writers, searcher
            writers.check()
            self.check_equal(self.notes)
        searcher.check()

    @contextmanager
    def held_lane(self, pipeline: str, lane: int) -> Iterator[None]:
        """Hold a lane of a pipeline, so that its chunks wait before they read anything."""
        clients = self.clients
        with clients.session(self.folder.source_model()) as session:
            fetch_one(session, protocol.LANE_LOCK, pipeline, lane)
            yield

    def wait_for_waiting_chunk(self) -> None:
        """Wait until a chunk waits for its lane."""
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        wait_for(
            lambda: self.database.fetch(waiting),
            timeout_s=TIMEOUT_S,
            on_timeout=lambda: AssertionError("no chunk waits for its lane"),
        )

    def _send(self, method: str, path: str, *, allowed: tuple[int, ...] = ()) -> None:
        response = self.airflow._send(method, f"/api/v2{path}")
        if response.is_error and response.status_code not in allowed:
            raise AirflowError(f"Airflow answers {response.status_code} to {method} {path}: {response.text}")


@contextmanager
def make_ground(airflow: Airflow, elasticsearch: Elasticsearch, config: Path) -> Iterator[Ground]:
    """Give a ground whose pipelines are filled and streamed. At the end all of it goes away."""
    name = new_name()
    with temporary_database(name) as database, temporary_prefix(elasticsearch, name) as prefix:
        database.execute(*SCHEMA)
        ground = Ground(airflow, ProjectFolder.create(config, database, prefix), database)
        ground.write_pipelines()
        try:
            ground.read_dags(ground.notes, ground.authors)
            first = [
                airflow.trigger(f"backfill_{pipeline}", {"chunks": 2}) for pipeline in (ground.notes, ground.authors)
            ]
            airflow.wait(first, TIMEOUT_S)
            yield ground
        finally:
            _remove(ground)


def _remove(ground: Ground) -> None:
    """Take the ground out of Airflow, the configuration folder and Kafka Connect."""
    clients, source = ground.clients, ground.folder.source_model()
    pipelines = [pipeline.name for pipeline in clients.project.pipelines_of(source)]
    dag_ids = [f"{file}_{pipeline}" for pipeline in pipelines for file in DAG_FILES]
    dag_ids += [f"{job}_{source.name}" for job in ("dead_letters", "recover", "replay")]
    _end_runs(ground.airflow, dag_ids)
    for pipeline in pipelines:
        ground.remove_files(pipeline)
    (ground.folder.folder / "sources" / f"{source.name}.yaml").unlink()
    _end_runs(ground.airflow, ["connectors"])  # a run that knows the source still would make its connectors again
    remove_stream(clients, source)
    for dag_id in dag_ids:
        ground.airflow.delete_dag(dag_id)


def _end_runs(airflow: Airflow, dag_ids: list[str]) -> None:
    """End what still runs, and wait until no process works for it."""
    working: list[str] = []
    for dag_id in dag_ids:
        if airflow.call("GET", f"/dags/{dag_id}", missing_ok=True) is None:
            continue
        running = airflow.call("GET", f"/dags/{dag_id}/dagRuns/~/taskInstances", params={"state": "running"})
        working += [task["id"] for task in running["task_instances"]]
        airflow.end_active_runs(dag_id)
    wait_for(
        lambda: not find_task_processes(working),
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError(f"tasks do not end: {find_task_processes(working)}"),
    )
