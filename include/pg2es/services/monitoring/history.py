"""The history that the console shows: samples of the monitor's looks, in one small index a day.

look ──▶ samples ──▶ pg2es-history-2026.01.31 ──▶ newest look, points of a chart
pg2es-history-2026.01.17 is removed when the day's index is made
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from pg2es.adapters.elasticsearch import Client, indices, send_bulk, translate_errors
from pg2es.core.errors import Pg2esError
from pg2es.core.monitoring import (
    DAY_INDEX_PREFIX,
    FIGURES,
    Breach,
    Status,
    Subject,
    day_index,
    day_index_body,
    find_outdated,
    interval_s,
    to_samples,
)
from pg2es.services.clients import Clients
from pg2es.services.monitoring.sizes import read_sizes

log = logging.getLogger(__name__)

_ANY: dict[str, Any] = {"index": f"{DAY_INDEX_PREFIX}*", "ignore_unavailable": True, "allow_no_indices": True}


def write_sample(clients: Clients, status: Status, breaches: list[Breach]) -> None:
    """Keep the figures of a look. A gap in a chart fails no look: what goes wrong is logged."""
    try:
        live = {pipeline.name: pipeline.index for pipeline in status.pipelines if pipeline.index}
        samples = to_samples(clients.project, status, breaches, read_sizes(clients, live))
        _write(clients.elasticsearch, status.at, samples, clients.project.platform.monitor.keep_days)
    except Pg2esError as error:
        log.warning("This look has no sample in the history: %s", error)


def read_newest_look(client: Client) -> dict[str, Any] | None:
    """Return the newest look as `Status.to_json` has it, with `breaches` and `sizes`; None before the first."""
    with translate_errors("reading the history"):
        found = client.search(**_ANY, query={"term": {"subject": Subject.LOOK.value}}, sort=[{"at": "desc"}], size=1)
    hits = found["hits"]["hits"]
    return dict(hits[0]["_source"]["seen"]) if hits else None


def read_samples(client: Client, subject: Subject, name: str, span: timedelta, points: int) -> list[dict[str, Any]]:
    """Return the figures of a source or pipeline over the last `span`, as at most so many points and one.

    A point has `at`, where its interval begins, and each figure, None where nothing was seen. An interval without a
    look has no point.
    """
    return read_all_samples(client, subject, [name], span, points)[name]


def read_all_samples(
    client: Client, subject: Subject, names: list[str], span: timedelta, points: int
) -> dict[str, list[dict[str, Any]]]:
    """Return the points of several subjects, by name, in one request."""
    figures = FIGURES[subject]
    over_time = {
        "date_histogram": {"field": "at", "fixed_interval": f"{interval_s(span, points)}s", "min_doc_count": 1}
    }
    in_point = {figure: {kind: {"field": figure}} for figure, kind in figures.items()}
    query = [
        {"term": {"subject": subject.value}},
        {"terms": {"name": names}},
        {"range": {"at": {"gte": (datetime.now(UTC) - span).isoformat()}}},
    ]
    with translate_errors("reading the history"):
        found = client.search(
            **_ANY,
            size=0,
            query={"bool": {"filter": query}},
            aggs={
                "names": {
                    "terms": {"field": "name", "size": max(1, len(names))},
                    "aggs": {"points": {**over_time, "aggs": in_point}},
                }
            },
        )
    buckets = found.get("aggregations", {}).get("names", {}).get("buckets", ())
    by_name = {bucket["key"]: bucket["points"]["buckets"] for bucket in buckets}
    return {
        name: [
            {"at": point["key_as_string"], **{figure: point[figure]["value"] for figure in figures}}
            for point in by_name.get(name, ())
        ]
        for name in names
    }


def _write(client: Client, at: datetime, samples: list[dict[str, Any]], keep_days: int) -> None:
    index = day_index(at.date())
    if indices.ensure_index(client, index, day_index_body()):
        known = indices.list_indices(client, DAY_INDEX_PREFIX.removesuffix("-"))
        for outdated in find_outdated(known, at.date(), keep_days):
            log.info("Removing %s", outdated)
            indices.remove_index(client, outdated)
    body = b"".join(b'{"index":{}}\n' + orjson.dumps(sample, option=orjson.OPT_APPEND_NEWLINE) for sample in samples)
    outcome = send_bulk(client, index, body, len(samples))
    for problem in (*outcome.rejected, *outcome.failing, *outcome.again):
        log.warning("A sample was not taken by %s: %s", index, problem)
    indices.refresh_index(client, index)
