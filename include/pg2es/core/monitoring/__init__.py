"""Monitoring: what a look sees, what of it is wrong, and how it becomes figures.

    status ──▶ judgement ──▶ breaches ──▶ news      what began and what is over, for people
       │                        │
       └────────────────────────┴──▶ metrics        StatsD, OpenTelemetry, Prometheus
                                └──▶ history        samples for the console's charts

Limits and sentences about what is wrong belong here; asking the servers does not (services/monitoring).
"""

from pg2es.core.monitoring.breaches import Breach, Kind
from pg2es.core.monitoring.history import (
    DAY_INDEX_PREFIX,
    FIGURES,
    Size,
    Subject,
    day_index,
    day_index_body,
    find_outdated,
    interval_s,
    names_concerning,
    to_samples,
)
from pg2es.core.monitoring.judgement import judge
from pg2es.core.monitoring.metrics import MEANINGS, Metric, measure
from pg2es.core.monitoring.news import DATABASE, find_news
from pg2es.core.monitoring.status import (
    Cluster,
    ConnectorPart,
    ConnectorStatus,
    Counters,
    Delay,
    Node,
    PipelineStatus,
    Run,
    Slot,
    SourceStatus,
    Status,
)

__all__ = [
    "DATABASE",
    "DAY_INDEX_PREFIX",
    "FIGURES",
    "MEANINGS",
    "Breach",
    "Cluster",
    "ConnectorPart",
    "ConnectorStatus",
    "Counters",
    "Delay",
    "Kind",
    "Metric",
    "Node",
    "PipelineStatus",
    "Run",
    "Size",
    "Slot",
    "SourceStatus",
    "Status",
    "Subject",
    "day_index",
    "day_index_body",
    "find_news",
    "find_outdated",
    "interval_s",
    "judge",
    "measure",
    "names_concerning",
    "to_samples",
]
