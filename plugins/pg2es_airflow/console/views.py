"""What each endpoint answers: calls of services, and their results as JSON."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pg2es.adapters.connect import ConnectCluster
from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.generations import is_sink_of
from pg2es.core.monitoring import Subject, interval_s
from pg2es.core.redaction import redact_trace
from pg2es.core.reports import ReportKind
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.dead_letters import list_few_groups
from pg2es.services.generations import list_generations
from pg2es.services.monitoring import read_all_samples, read_newest_look, read_samples
from pg2es.services.reindex import advise
from pg2es.services.reports import read_reports
from pg2es_airflow.console.shapes import shape_generations, shape_overview, shape_pipeline, shape_report

Json = dict[str, Any]

REPORTS = 20
RECONCILIATIONS = 200

CONNECT_TIMEOUT_S = 5
"""For each worker: a person waits, and asks again."""

LETTERS = 10_000
"""Dead letters that are read while a page waits."""


def show_overview(clients: Clients, span: timedelta, points: int) -> Json:
    """Return everything at a glance; each pipeline with its health over the span."""
    client, project = clients.elasticsearch, clients.project
    strips = read_all_samples(client, Subject.PIPELINE, sorted(project.pipelines), span, points)
    return shape_overview(project, read_newest_look(client), strips, datetime.now(UTC))


def show_pipeline(clients: Clients, pipeline: Pipeline) -> Json:
    """Return a pipeline's last figures, generations and reports."""
    client = clients.elasticsearch
    live = indices.live_generation(client, pipeline.alias)
    generations = list_generations(client, pipeline)
    documents = indices.count_by_index(client, [generation.index for generation in generations])
    reports = read_reports(client, pipeline=pipeline.name, limit=REPORTS)
    now = datetime.now(UTC)
    seen = read_newest_look(client)
    return shape_pipeline(clients.project, pipeline, seen, now) | {
        "at": seen["at"] if seen else None,
        "age_s": (now - datetime.fromisoformat(seen["at"])).total_seconds() if seen else None,
        "generations": shape_generations(generations, live, documents),
        "reports": [shape_report(report) for report in reports],
    }


def show_progress(clients: Clients, pipeline: Pipeline) -> Json:
    """Return how many documents were written to the pipeline's indices so far: it grows while one is filled."""
    client = clients.elasticsearch
    found = indices.list_generations(client, pipeline.alias).values()
    return {"written": sum(indices.count_written(client, index) for index in found)}


def show_history(clients: Clients, pipeline: Pipeline, span: timedelta, points: int) -> Json:
    """Return points over the span of the pipeline and its source, and its reconciliations in that time."""
    client = clients.elasticsearch
    reports = read_reports(client, kind=ReportKind.RECONCILE, pipeline=pipeline.name, limit=RECONCILIATIONS)
    until = datetime.now(UTC)
    since = until - span
    return {
        "since": since,
        "until": until,
        "interval_s": interval_s(span, points),
        "pipeline": read_samples(client, Subject.PIPELINE, pipeline.name, span, points),
        "source": read_samples(client, Subject.SOURCE, pipeline.source, span, points),
        "reconciliations": [
            shape_report(report) for report in reversed(reports) if datetime.fromisoformat(report["at"]) >= since
        ],
    }


def show_plan(clients: Clients, pipeline: Pipeline) -> Json:
    """Return the plan, without a try, as who looks changes nothing: its verdict, its differences, and what to do."""
    plan = preflight.plan(clients, pipeline, tries=False)
    return {
        "index": plan.index,
        "verdict": plan.verdict,
        "advice": advise(clients, pipeline, plan),
        "wanted": plan.wanted.fingerprint if plan.wanted else None,
        "differences": [asdict(difference) for difference in plan.differences],
    }


def show_connectors(clients: Clients, pipeline: Pipeline) -> list[Json]:
    """Return the source's connector and the sinks of the pipeline's generations, each with its tasks and traces."""
    source, cluster = clients.project.source_of(pipeline), replace(clients.connect, timeout_s=CONNECT_TIMEOUT_S)
    sinks = [name for name in sorted(cluster.list_connectors()) if is_sink_of(pipeline.alias, name)]
    return [
        {"name": source.connector, "role": "source", "parts": _show_parts(cluster, source.connector, ())},
        *({"name": name, "role": "sink", "parts": _show_parts(cluster, name, pipeline.redact)} for name in sinks),
    ]


def show_dead_letters(clients: Clients, pipeline: Pipeline) -> Json:
    """Return the groups of open dead letters of the pipeline's source, None where a page should not read so many."""
    groups = list_few_groups(clients, clients.project.source_of(pipeline), LETTERS)
    return {"groups": None if groups is None else [group.to_json() for group in groups], "at_most": LETTERS}


def _show_parts(cluster: ConnectCluster, connector: str, redact: tuple[str, ...]) -> list[Json]:
    parts = cluster.read_parts(connector)
    return [asdict(part) | {"trace": part.trace and redact_trace(part.trace, redact)} for part in parts]
