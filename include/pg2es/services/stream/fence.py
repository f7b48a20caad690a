"""The start fence: nobody writes into a generation before every transaction that its stream may have missed has ended.

A change whose commit came before the stream's position is in no event, so it must be visible to the backfill's reads.
PostgreSQL shows a commit to others a moment after it is in the WAL; the fence waits for that (rule 8).
"""

import logging

from pg2es.adapters.postgres import Session, fetch_one, translate_errors
from pg2es.core.errors import FenceNotPassed
from pg2es.core.sql import protocol
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

FENCE_TIMEOUT_S = 3600


def take_fence(session: Session) -> str:
    """Return X, to be called after the stream's position is fixed."""
    return str(fetch_one(session, protocol.FENCE_START)[0])


def wait_for_fence(session: Session, fence: str, timeout_s: float = FENCE_TIMEOUT_S) -> None:
    """Wait until all transactions before X have ended; FenceNotPassed names those that hold it back."""

    def passed() -> bool:
        with translate_errors("Start fence"):
            return bool(fetch_one(session, protocol.FENCE_PASSED, fence)[0])

    if passed():
        return
    log.info("Waiting for transactions older than %s to end: %s", fence, describe_holders(session))
    wait_for(
        passed,
        timeout_s=timeout_s,
        on_timeout=lambda: FenceNotPassed(
            f"The start fence was not passed within {timeout_s:.0f} s: {describe_holders(session)}. "
            f"End those transactions (pg_terminate_backend), or wait, and run this again."
        ),
    )


def describe_holders(session: Session) -> str:
    """Return who holds the fence back: process, age, user, query."""
    rows = session.execute(protocol.FENCE_HOLDERS).fetchall()
    return "; ".join(f"pid {pid} ({who}), open for {age}: {query}" for pid, age, who, query in rows) or "there is none"
