"""The demo: a shop that changes all the time is brought into Elasticsearch, and every document is compared."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.airflow import Airflow
from demo.data import DATABASE, Sample, connect, ensure_database, is_loaded, load, superuser_access
from demo.reset import remove_traces
from demo.results import PipelineResult, Results, StreamResult
from demo.screen import Screen
from demo.stream import count_records_behind, measure_latency_s
from demo.traffic import Traffic
from pg2es.adapters.airflow import Progress, Run
from pg2es.adapters.elasticsearch import indices, translate_errors
from pg2es.core.config import load_project
from pg2es.core.reports import REPORTS_INDEX
from pg2es.services.clients import Clients
from pg2es.services.drift import compare
from pg2es.services.generations import require_live_generation

SOURCE = "shop"
WRITERS = 4
CHANGES_PER_S = 150
ORDERS_PER_CHUNK = 50_000

_DEPLOY_TIMEOUT_S = 300
_BACKFILL_TIMEOUT_S = 3600
_CONFIGURATION = Path(__file__).parent.parent / "include"


class Demo:
    """One run of the demo against servers that are up; variables PG2ES_… say where they are."""

    def __init__(self, environment: Mapping[str, str], sample: Sample, screen: Screen) -> None:
        os.environ.update(environment)  # the files of include/ refer to it
        self.airflow = Airflow(
            environment["PG2ES_AIRFLOW_URL"], environment["PG2ES_AIRFLOW_USER"], environment["PG2ES_AIRFLOW_PASSWORD"]
        )
        self._sample = sample
        self._screen = screen
        self._server = superuser_access(environment, "postgres")
        self._shop = superuser_access(environment, DATABASE)
        self._clients = Clients(load_project(_CONFIGURATION))
        self._source = self._clients.project.source(SOURCE)
        self._pipelines = self._clients.project.pipelines_of(self._source)

    def run(self) -> Results:
        """Load, deploy, backfill under traffic, compare. Whatever an earlier run has left behind is all right."""
        self._end_earlier_runs()
        self._load_shop()
        with self._screen.step("Connectors deployed, by DAG connectors"):
            self.airflow.wait(
                [self.airflow.trigger("connectors", {"source": SOURCE, "action": "deploy"})], _DEPLOY_TIMEOUT_S
            )
        started = time.monotonic()
        with Traffic(self._shop, writers=WRITERS, changes_per_s=CHANGES_PER_S) as traffic:
            backfills = self._backfill(traffic)
            with self._screen.step("Stream measured"):
                behind = sum(count_records_behind(self._clients, pipeline) for pipeline in self._pipelines)
                latency_s = self._measure_latency_s()
        seconds = time.monotonic() - started
        stream = StreamResult(traffic.rows, traffic.rows / seconds, behind, latency_s)
        return Results(tuple(self._compare(name, summary) for name, summary in backfills.items()), stream)

    def _end_earlier_runs(self) -> None:
        with self._screen.step("Airflow has read the DAGs"):
            for dag_id in ("connectors", *(f"backfill_{pipeline.name}" for pipeline in self._pipelines)):
                self.airflow.wait_until_parsed(dag_id)
                self.airflow.end_active_runs(dag_id)

    def _load_shop(self) -> None:
        ensure_database(self._server)
        if is_loaded(self._shop, self._sample):
            self._screen.done(f"Shop of {self._sample.orders:,} orders is there already", 0)
            return
        with self._screen.step("Traces of an earlier shop removed"):
            remove_traces(self._clients, self._source, self._shop)
        with self._screen.step(f"Shop of {self._sample.orders:,} orders loaded"):
            load(self._shop, self._sample)

    def _backfill(self, traffic: Traffic) -> dict[str, dict[str, Any]]:
        """Backfill all pipelines at once, and return the summary of each."""
        started = time.monotonic()
        runs = {
            pipeline.name: self.airflow.trigger(f"backfill_{pipeline.name}", self._params(pipeline.name))
            for pipeline in self._pipelines
        }
        with self._screen.bars() as bars:
            shown = {run: bars.add_task(f"backfill of {name}", total=None, note="") for name, run in runs.items()}

            def watch(run: Run, progress: Progress) -> None:
                traffic.check()
                note = f"{traffic.rows:,} rows changed meanwhile"
                bars.update(shown[run], completed=progress.done, total=len(progress.tasks), note=note)

            self.airflow.wait(list(runs.values()), _BACKFILL_TIMEOUT_S, watch)
        self._screen.done(f"Backfilled by Airflow: {', '.join(runs)}", time.monotonic() - started)
        return {name: self._read_report(name) for name in runs}

    def _read_report(self, pipeline: str) -> dict[str, Any]:
        """Return the figures of the latest backfill's report."""
        client = self._clients.elasticsearch
        indices.refresh_index(client, REPORTS_INDEX)
        mine = [{"term": {"kind": "backfill"}}, {"term": {"pipeline": pipeline}}]
        with translate_errors(f"reading {REPORTS_INDEX}"):
            found = client.search(index=REPORTS_INDEX, query={"bool": {"filter": mine}}, sort=[{"at": "desc"}], size=1)
        details: dict[str, Any] = found["hits"]["hits"][0]["_source"]["details"]
        return details

    def _params(self, pipeline: str) -> dict[str, Any]:
        """Return the Params of a backfill: orders in several chunks, however small the table is."""
        return {"chunks": 1 + self._sample.orders // ORDERS_PER_CHUNK} if pipeline == "orders" else {}

    def _measure_latency_s(self) -> float:
        alias = self._clients.project.pipeline("orders").alias
        with connect(self._shop) as connection:
            return measure_latency_s(connection, self._clients.elasticsearch, alias)

    def _compare(self, name: str, summary: dict[str, Any]) -> PipelineResult:
        pipeline = self._clients.project.pipeline(name)
        with self._screen.step(f"Every document of {name} compared with its row"):
            generation = require_live_generation(self._clients.elasticsearch, pipeline)
            comparison = compare(self._clients, pipeline, generation)
        return PipelineResult(name, summary["rows"], summary["seconds"], summary["docs_per_s"], comparison)
