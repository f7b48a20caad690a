"""Change events as Debezium writes them: the rows of a record, and the texts of their columns.

The sink reads events in Java; this says the same of a record that is read once more, when its dead letter is replayed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pg2es.core.errors import UnreadableRecord

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's mark for a large value that the change left alone and the WAL therefore lacks."""

_CHANGES = frozenset({"c", "u", "d", "r"})
_TRUNCATE = "t"
_WRAPPERS = ({"schema", "payload"}, {"schemaId", "payload"})
"""What converters put around an event: the schema, or its number in a registry."""
_LOW_32_BITS = 0xFFFF_FFFF


@dataclass(frozen=True)
class ChangeEvent:
    """One change of one row: the row before and after it, and the low 32 bits of the transaction's id."""

    images: tuple[dict[str, Any], ...]
    transaction: int | None

    def tuples(self, columns: Sequence[str]) -> set[tuple[str | None, ...]]:
        """Return the columns' texts, before and after; None for NULL."""
        return {tuple(_text_of(image, column) for column in columns) for image in self.images}


def parse_event(value: bytes | None) -> ChangeEvent:
    """Return the change that a record's value tells; UnreadableRecord when it tells none of a row."""
    try:
        content = json.loads(value or b"null", parse_float=Decimal, parse_constant=str)
    except ValueError as error:
        raise UnreadableRecord(
            f"it is not JSON ({error}), and no replay reads another converter's records; reconcile the pipeline with "
            f"repair, then discard the group"
        ) from None
    envelope = content["payload"] if isinstance(content, dict) and content.keys() in _WRAPPERS else content
    operation = envelope.get("op") if isinstance(envelope, dict) else None
    if operation == _TRUNCATE:
        raise UnreadableRecord("it is a TRUNCATE, which names no rows; run the pipeline's backfill")
    if operation not in _CHANGES:
        raise UnreadableRecord("it has no Debezium envelope (op, before, after)")
    images = tuple(image for image in (envelope.get("before"), envelope.get("after")) if isinstance(image, dict))
    if not images:
        raise UnreadableRecord("it has neither before nor after")
    transaction = (envelope.get("source") or {}).get("txId")
    return ChangeEvent(images, transaction & _LOW_32_BITS if isinstance(transaction, int) else None)


def _text_of(image: dict[str, Any], column: str) -> str | None:
    """Return a value as PostgreSQL would read it, None for NULL."""
    if column not in image:
        raise UnreadableRecord(f"it has no column {column}")
    match image[column]:
        case None:
            return None
        case True | False as value:
            return str(value).lower()
        case int(value):
            return str(value)
        case Decimal() as value:
            return format(value.normalize(), "f")
        case str(value) if value == UNAVAILABLE:
            raise UnreadableRecord(f"its column {column} was left out of the WAL (a large value that did not change)")
        case str(value) if "\0" not in value:
            return value
    raise UnreadableRecord(f"its column {column} holds no text that PostgreSQL reads")
