"""The stream: configurations of its connectors, and the positions from which they go on.

`connectors` is the only place that writes a configuration of Kafka Connect; `config_diff` says how one differs from
another. `positions` has the rules by which a source or a sink starts, `steering` what may be done to a running one.
What the running stream is measured by belongs to `monitoring`.
"""

from pg2es.core.stream.config_diff import describe_changes
from pg2es.core.stream.connectors import (
    SINK_CLASS,
    SOURCE_CLASS,
    Config,
    Route,
    SinkTarget,
    captured_tables,
    elasticsearch_login,
    feeds_from,
    make_routes,
    masked,
    sink_config,
    source_config,
    topics_of,
    topics_to_reach,
    with_all_captured,
)
from pg2es.core.stream.positions import sink_start, source_position, source_start
from pg2es.core.stream.steering import Steering

__all__ = [
    "SINK_CLASS",
    "SOURCE_CLASS",
    "Config",
    "Route",
    "SinkTarget",
    "Steering",
    "captured_tables",
    "describe_changes",
    "elasticsearch_login",
    "feeds_from",
    "make_routes",
    "masked",
    "sink_config",
    "sink_start",
    "source_config",
    "source_position",
    "source_start",
    "topics_of",
    "topics_to_reach",
    "with_all_captured",
]
