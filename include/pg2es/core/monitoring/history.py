"""Samples: the figures that one look of the monitor leaves for charts. Pure.

One document for the look as a whole, and a small one for each source and pipeline, whose figures can be searched.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from pg2es.core.config import Project, Source
from pg2es.core.monitoring.breaches import Breach
from pg2es.core.monitoring.news import DATABASE
from pg2es.core.monitoring.status import Delay, PipelineStatus, SourceStatus, Status

DAY_INDEX_PREFIX = "pg2es-history-"

MIN_INTERVAL_S = 60
"""The monitor looks each minute: a finer division has nothing to show."""


class Subject(StrEnum):
    """What a sample is about."""

    LOOK = "look"
    SOURCE = "source"
    PIPELINE = "pipeline"


@dataclass(frozen=True)
class Size:
    """Documents of the live generation; rows of the root table as PostgreSQL estimates them. None: not known."""

    documents: int | None = None
    rows: int | None = None


FIGURES: Mapping[Subject, Mapping[str, str]] = {
    Subject.PIPELINE: {
        "docs_per_s": "avg",
        "latency_ms": "avg",
        "behind": "max",
        "freshness_ms": "max",
        "stalled": "max",
        "documents": "max",
        "rows": "max",
        "breaches": "max",
    },
    Subject.SOURCE: {
        "lag_ms": "max",
        "stalled": "max",
        "lag_bytes": "max",
        "retained_bytes": "max",
        "dead_letters": "max",
        "breaches": "max",
    },
}
"""Figures of a sample, and how several of them become one point: of what may be too high, the highest is shown."""


def day_index_body() -> dict[str, Any]:
    """Return settings and mappings of the index of one day."""
    figures = {name: {"type": "double"} for named in FIGURES.values() for name in named}
    return {
        "settings": {"index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"},
        "mappings": {
            "dynamic": "strict",
            "properties": {
                "at": {"type": "date"},
                "subject": {"type": "keyword"},
                "name": {"type": "keyword"},
                **figures,
                "seen": {"type": "object", "enabled": False},
            },
        },
    }


def day_index(day: date) -> str:
    """Return the name of a day's index."""
    return f"{DAY_INDEX_PREFIX}{day:%Y.%m.%d}"


def find_outdated(names: Iterable[str], today: date, keep_days: int) -> list[str]:
    """Return the daily indices that are older than the days to keep; other names are left alone."""
    kept = {day_index(today - timedelta(days=days)) for days in range(keep_days + 1)}
    oldest = min(kept)
    return sorted(
        name for name in names if len(name) == len(oldest) and name.startswith(DAY_INDEX_PREFIX) and name < oldest
    )


def interval_s(span: timedelta, points: int) -> int:
    """Return how many seconds one of at most so many points stands for."""
    return max(MIN_INTERVAL_S, -(-int(span.total_seconds()) // points))


def to_samples(
    project: Project, status: Status, breaches: list[Breach], sizes: Mapping[str, Size]
) -> list[dict[str, Any]]:
    """Return the documents of one look."""
    at = status.at.isoformat()
    seen = {key: value for key, value in status.to_json().items() if key != "counters"}
    seen["breaches"] = [breach.to_json() for breach in breaches]
    seen["sizes"] = {name: {"documents": size.documents, "rows": size.rows} for name, size in sizes.items()}
    look = {"at": at, "subject": Subject.LOOK, "name": "", "seen": seen}
    sources = [
        {
            "at": at,
            "subject": Subject.SOURCE,
            "name": source.name,
            **_figures_of_source(source),
            "breaches": _count(breaches, _names_of(project.source(source.name))),
        }
        for source in status.sources
    ]
    pipelines = [
        {
            "at": at,
            "subject": Subject.PIPELINE,
            "name": pipeline.name,
            **_figures_of_pipeline(pipeline, sizes.get(pipeline.name, Size())),
            "breaches": _count(breaches, names_concerning(project, pipeline.name, _sinks_of(pipeline))),
        }
        for pipeline in status.pipelines
    ]
    return [look, *sources, *pipelines]


def names_concerning(project: Project, pipeline: str, sinks: Iterable[str]) -> set[str]:
    """Return what a breach may be about to concern a pipeline: itself, its sinks, its source."""
    return {pipeline, *sinks} | _names_of(project.source_of(project.pipeline(pipeline)))


def _names_of(source: Source) -> set[str]:
    return {source.name, source.connector, DATABASE + source.name}


def _figures_of_source(source: SourceStatus) -> dict[str, Any]:
    slot = source.slot
    return {
        "lag_ms": source.lag.ms if source.lag else None,
        "stalled": _stalled(source.lag),
        "lag_bytes": slot.lag_bytes if slot else None,
        "retained_bytes": slot.retained_bytes if slot else None,
        "dead_letters": source.dead_letters,
    }


def _figures_of_pipeline(pipeline: PipelineStatus, size: Size) -> dict[str, Any]:
    indexing = pipeline.indexing
    return {
        "docs_per_s": indexing.per_s if indexing else None,
        "latency_ms": indexing.latency_ms if indexing else None,
        "behind": None if pipeline.lag is None else sum(pipeline.lag.values()),
        "freshness_ms": pipeline.freshness.ms if pipeline.freshness else None,
        "stalled": _stalled(pipeline.freshness),
        "documents": size.documents,
        "rows": size.rows,
    }


def _sinks_of(pipeline: PipelineStatus) -> set[str]:
    return {*pipeline.sinks, *([pipeline.sink] if pipeline.sink else [])}


def _stalled(delay: Delay | None) -> int | None:
    return None if delay is None else int(not delay.reached)


def _count(breaches: list[Breach], names: set[str]) -> int:
    return sum(breach.about in names for breach in breaches)
