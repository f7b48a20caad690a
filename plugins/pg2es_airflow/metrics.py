"""The figures of a look as metrics of Airflow: by StatsD, Datadog or OpenTelemetry, as its section `[metrics]` says."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pg2es.core.monitoring import Metric

_NOT_ALLOWED = re.compile(r"[^\w.-]", re.ASCII)
"""Airflow throws a figure away whose name or tag has other characters."""


def emit(metrics: "Iterable[Metric]") -> None:
    """Emit gauges `pg2es.<name>`, tagged with the labels; where Airflow sends no tags, the labels end the name.

    `breach` is left out: a gauge keeps what it was told last, and nobody would tell it that a breach is over.
    """
    from airflow.sdk.observability import stats

    tagged = _sends_tags()
    for metric in metrics:
        if metric.name == "breach":
            continue
        labels = {name: _NOT_ALLOWED.sub("_", label) for name, label in metric.labels.items()}
        if tagged:
            stats.gauge(f"pg2es.{metric.name}", metric.value, tags=labels)
        else:
            parts = (label.replace(".", "_") for label in labels.values())
            stats.gauge(".".join(["pg2es", metric.name, *parts]), metric.value)


def _sends_tags() -> bool:
    """Return whether Airflow sends tags: plain StatsD has none, and drops them without a word."""
    from airflow.sdk.configuration import conf

    with_tags = ("statsd_datadog_enabled", "statsd_influxdb_enabled")
    return not conf.getboolean("metrics", "statsd_on") or any(conf.getboolean("metrics", key) for key in with_tags)
