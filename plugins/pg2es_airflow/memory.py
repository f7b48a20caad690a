"""What a task keeps for its next run, in an Airflow variable.

The XComs of earlier runs do not serve: Airflow takes them in the order of logical dates, which a run that somebody
triggered does not have, and such a run would be the last one for ever.
"""

from typing import Any

from airflow.sdk import Variable


def recall(name: str, default: Any = None) -> Any:
    """Return what was kept under a name."""
    return Variable.get(_key(name), default=default, deserialize_json=True)


def keep(name: str, value: Any) -> None:
    """Keep objects of JSON under a name, in the place of what was there."""
    Variable.set(_key(name), value, serialize_json=True)


def _key(name: str) -> str:
    return f"pg2es_{name}"
