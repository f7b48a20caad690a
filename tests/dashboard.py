"""The metrics that the Grafana dashboard asks for."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.support import CHECKOUT

DASHBOARD: dict[str, Any] = json.loads((CHECKOUT / "compose/grafana/pg2es.json").read_text(encoding="utf-8"))
_NAME = re.compile(r"\b(?:pg2es|debezium|kafka_connect|jvm)_\w+")


def read_queries() -> Iterator[str]:
    """Give each query of a panel or variable."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (entry["definition"] for entry in DASHBOARD["templating"]["list"] if entry["type"] == "query")


def read_names() -> set[str]:
    """Return the metrics that they name."""
    return {name for query in read_queries() for name in _NAME.findall(query)}
