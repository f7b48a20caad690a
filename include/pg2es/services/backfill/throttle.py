"""A backfill waits while PostgreSQL keeps too much WAL for the slot: it makes more of it than the stream takes away."""

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Generic, TypeVar

from pg2es.adapters.postgres import Session, translate_errors
from pg2es.core.config import Source
from pg2es.core.errors import StreamBehind
from pg2es.core.sql import catalog, protocol
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
T = TypeVar("T")


class Throttle(Generic[T]):
    """Lets slices pass while the WAL kept for a slot is below the source's limit, asked for every few seconds.

    `held`: the slice that it did not let pass within `patience_s`, after which it gives no more, and why.
    """

    def __init__(self, session: Session, source: Source, patience_s: float) -> None:
        self._session = session
        self._source = source
        self._patience_s = patience_s
        self._looked_at = float("-inf")
        self.held: tuple[T, StreamBehind] | None = None

    def pace(self, slices: Iterable[T]) -> Iterator[T]:
        """Give the slices; the session must be free between them."""
        for one in slices:
            try:
                self._wait()
            except StreamBehind as reason:
                self.held = one, reason
                return
            yield one

    def _wait(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        retained, limit = self._read_retained(), self._source.pause_backfill_above_bytes
        if retained > limit:
            log.warning(
                "PostgreSQL keeps %d MiB of WAL for slot %s, a backfill pauses above %d MiB: it goes on when the "
                "connector %s has caught up",
                retained >> 20, self._source.slot, limit >> 20, self._source.connector,
            )  # fmt: skip
            wait_for(
                lambda: self._has_caught_up(limit),
                timeout_s=self._patience_s,
                on_timeout=lambda: StreamBehind(
                    f"Slot {self._source.slot} has kept more than {limit >> 20:,} MiB of WAL for "
                    f"{timedelta(seconds=self._patience_s)}. Let connector {self._source.connector} run."
                ),
            )
            log.info("The WAL kept for slot %s is below the limit again", self._source.slot)
        self._looked_at = time.monotonic()

    def _has_caught_up(self, limit: int) -> bool:
        with translate_errors(f"Source {self._source.name}"):
            # Debezium confirms what it has got, and where nobody changes a captured row, it gets nothing.
            self._session.execute(protocol.VERSION)
        return self._read_retained() <= limit

    def _read_retained(self) -> int:
        """Return bytes; 0 when there is no slot, or none of use: waiting would not help."""
        with translate_errors(f"Source {self._source.name}"):
            row = self._session.execute(catalog.RETAINED, [self._source.slot]).fetchone()
        return int(row[0] or 0) if row else 0
