"""Waiting without a worker slot: for transactions that a start fence waits for, and for the stream."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context

log = logging.getLogger(__name__)

PATIENCE_S = 20
"""What takes longer gives its slot back."""

PAUSE = timedelta(seconds=30)


def wait_aside(operator: BaseOperator, method: str, **state: Any) -> NoReturn:
    """Give the worker slot back; after a pause Airflow calls the method with the state, which is small JSON."""
    operator.defer(trigger=TimeDeltaTrigger(PAUSE), method_name=method, kwargs=state)


class PatientOperator(PythonOperator):
    """Calls what may be called again, and takes `patience_s`, until the start fence lets it through."""

    def execute(self, context: Context, since: str | None = None, event: Any = None) -> Any:  # noqa: ARG002
        """Return what the callable returns; raise FenceNotPassed once more when the fence has held it up too long."""
        from pg2es.core.errors import FenceNotPassed
        from pg2es.services.stream import FENCE_TIMEOUT_S

        now = datetime.now(UTC)
        begun = datetime.fromisoformat(since) if since else now
        try:
            return super().execute(context)
        except FenceNotPassed as error:
            if now - begun > timedelta(seconds=FENCE_TIMEOUT_S):
                raise
            log.info("%s Waiting aside.", error)
        wait_aside(self, "execute", since=begun.isoformat())
