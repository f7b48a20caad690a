"""What the console shows, made from what was seen. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pg2es.core.config import Pipeline, Project
from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import Kind, names_concerning
from pg2es.services.generations import Generation

MISSED_LOOKS = 3
"""The monitor does not run when its last look is older than so many of its intervals, and so many minutes."""

_OF_SERVERS = ("Elasticsearch", "Kafka", "Kafka Connect", "the reports")

Json = dict[str, Any]


class Health(StrEnum):
    """How a pipeline is."""

    HEALTHY = "healthy"
    BROKEN = "broken"
    UNKNOWN = "unknown"  # the monitor has not looked, or could not see
    NEW = "new"  # no backfill has made an index yet


def shape_overview(project: Project, seen: Json | None, strips: Mapping[str, list[Json]], now: datetime) -> Json:
    """Return everything at a glance; `seen` is the newest look, None before the first."""
    at = datetime.fromisoformat(seen["at"]) if seen else None
    age = now - at if at else None
    return {
        "at": at,
        "age_s": age.total_seconds() if age is not None else None,
        "stale": not _runs(project, seen, now),
        "breaches": seen["breaches"] if seen else [],
        "servers": _shape_servers(seen) if seen else None,
        "sources": [_shape_source(source, seen) for source in sorted(project.sources)],
        "pipelines": [
            shape_pipeline(project, pipeline, seen, now) | {"strip": strips.get(pipeline.name, [])}
            for _, pipeline in sorted(project.pipelines.items())
        ],
    }


def shape_pipeline(project: Project, pipeline: Pipeline, seen: Json | None, now: datetime) -> Json:
    """Return a pipeline's last figures, and what is wrong with it or its source."""
    found = _find(seen, "pipelines", pipeline.name)
    source = project.source_of(pipeline)
    seen_source = _find(seen, "sources", source.name)
    sinks = [*(found or {}).get("sinks", {}), *([found["sink"]] if found and found["sink"] else [])]
    names = names_concerning(project, pipeline.name, sinks)
    wrong = [breach for breach in (seen or {}).get("breaches", ()) if breach["about"] in names]
    size = (seen or {}).get("sizes", {}).get(pipeline.name, {})
    found, seen_source = found or {}, seen_source or {}
    lag, runs = found.get("lag"), found.get("runs", {})
    return {
        "name": pipeline.name,
        "alias": pipeline.alias,
        "table": pipeline.table,
        "source": source.name,
        "health": _judge(seen, found, wrong) if _runs(project, seen, now) else Health.UNKNOWN,
        "breaches": wrong,
        "index": found.get("index"),
        "freshness": found.get("freshness"),
        "behind": None if lag is None else sum(lag.values()),
        "partitions": lag,
        "indexing": found.get("indexing"),
        "documents": size.get("documents"),
        "rows": size.get("rows"),
        "source_lag": seen_source.get("lag"),
        "dead_letters": seen_source.get("dead_letters"),
        "reconcile": runs.get("reconcile"),
        "backfill": runs.get("backfill"),
        "limits": pipeline.monitor.model_dump(),
    }


def shape_generations(generations: Iterable[Generation], live: str | None, documents: Mapping[str, int]) -> list[Json]:
    """Return the generations, the newest first: live, kept as the way back, or being built."""
    return [
        {
            "index": generation.index,
            "state": _state_of(generation, live),
            "sink": sink_connector(generation.index),
            "documents": documents.get(generation.index),
            "fingerprint": generation.meta.recipe.fingerprint,
            "revision": generation.meta.revision,
            "filled": generation.meta.filled,
            "verified": generation.meta.verified,
            "keep_until": generation.meta.keep_until,
            "replaced_at": generation.meta.replaced_at,
        }
        for generation in reversed(list(generations))
    ]


def shape_report(report: Json) -> Json:
    """Return a report with the counts and seconds of its details, where it has them."""
    details = report.get("details") or {}
    return {key: report.get(key) for key in ("at", "kind", "outcome", "text")} | {
        "counts": details.get("counts"),
        "seconds": details.get("seconds"),
    }


def _state_of(generation: Generation, live: str | None) -> str:
    if generation.index == live:
        return "live"
    return "kept" if generation.meta.keep_until else "not live"


def _runs(project: Project, seen: Json | None, now: datetime) -> bool:
    """Return whether the monitor runs: its last look is not older than some of its intervals."""
    if seen is None:
        return False
    every = timedelta(seconds=max(60, project.platform.monitor.every_s or 0))
    return now - datetime.fromisoformat(seen["at"]) <= MISSED_LOOKS * every


def _judge(seen: Json | None, found: Json, wrong: list[Json]) -> Health:
    if seen is None or not found:
        return Health.UNKNOWN
    if wrong:
        return Health.BROKEN
    unseen = (Kind.UNREACHABLE, Kind.REFUSED)
    if any(breach["kind"] in unseen and breach["about"] in _OF_SERVERS for breach in seen["breaches"]):
        return Health.UNKNOWN
    return Health.HEALTHY if found["index"] else Health.NEW


def _shape_servers(seen: Json) -> Json:
    return {
        "workers": seen["workers"] if seen["sees_connectors"] else None,
        "brokers": seen["brokers"],
        "elasticsearch": seen["elasticsearch"],
        "rejections": seen["rejections"],
    }


def _shape_source(name: str, seen: Json | None) -> Json:
    found = _find(seen, "sources", name) or {}
    return {key: found.get(key) for key in ("connector", "slot", "lag", "dead_letters", "deployed")} | {"name": name}


def _find(seen: Json | None, part: str, name: str) -> Json | None:
    return next((one for one in (seen or {}).get(part, ()) if one["name"] == name), None)
