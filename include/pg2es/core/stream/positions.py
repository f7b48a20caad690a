"""Positions in the stream, as the REST interface of Kafka Connect has them."""

from typing import Any

_LSNS = ("lsn", "lsn_proc", "lsn_commit")


def source_position(offsets: list[dict[str, Any]]) -> int | None:
    """Return the highest LSN that a Debezium connector has committed, None when it has committed none."""
    return max((entry["offset"][name] for entry in offsets for name in _LSNS if name in entry["offset"]), default=None)


def source_start(topic_prefix: str, lsn: int) -> list[dict[str, Any]]:
    """Return the offsets of a Debezium connector that has read nothing before an LSN.

    A connector with a position refuses to start when its slot is gone or begins behind that position; one without makes
    the slot anew and goes on as if nothing were missing. So none starts without.
    """
    return [{"partition": {"server": topic_prefix}, "offset": {"lsn": lsn}}]


def sink_start(end_offsets: dict[tuple[str, int], int]) -> list[dict[str, Any]]:
    """Return the offsets of a sink that begins there; `end_offsets` by topic and partition."""
    return [
        {"partition": {"kafka_topic": topic, "kafka_partition": partition}, "offset": {"kafka_offset": offset}}
        for (topic, partition), offset in sorted(end_offsets.items())
    ]
