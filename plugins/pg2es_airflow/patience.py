"""Waiting without a worker slot: for transactions that a start fence waits for, and for the stream."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context

from pg2es_airflow.lineage import describe_lineage
from pg2es_airflow.project import of_pipeline

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from pg2es.core.config import Source
    from pg2es.services.clients import Clients
    from pg2es.services.stream import Awaited

log = logging.getLogger(__name__)

PATIENCE_S = 20
"""What takes longer gives its slot back."""

PAUSE = timedelta(seconds=30)

CAUGHT_UP_TIMEOUT_S = 3600


def wait_aside(operator: BaseOperator, method: str, **state: Any) -> NoReturn:
    """Give the worker slot back; after a pause Airflow calls the method with the state, which is small JSON."""
    operator.defer(trigger=TimeDeltaTrigger(PAUSE), method_name=method, kwargs=state)


def follow_aside(
    operator: BaseOperator,
    clients: "Clients",
    source: "Source",
    awaited: "Awaited",
    since: str | None,
    timeout_s: float,
) -> "Awaited | None":
    """Return None as soon as everything that is awaited is searchable; after `timeout_s`, how far it is.

    What takes longer than PATIENCE_S gives the slot back, and Airflow calls `execute` again with `since` and `awaited`.
    """
    from pg2es.services.stream import follow_commits

    begun = datetime.fromisoformat(since) if since else datetime.now(UTC)
    left = follow_commits(clients, source, awaited, PATIENCE_S)
    if left is None or datetime.now(UTC) - begun > timedelta(seconds=timeout_s):
        return left
    log.info("%s Waiting aside.", left)
    wait_aside(operator, "execute", since=begun.isoformat(), awaited=left.to_json())


class CaughtUpOperator(PythonOperator):
    """Calls its callable once what was committed before is searchable in the index that it is about.

    That is `index` of its arguments, or of what was `prepared`, else the live one, if there is any. The barrier of the
    callable itself, which holds a slot, has little to wait for then.
    """

    def execute(self, context: Context, since: str | None = None, awaited: Any = None, event: Any = None) -> Any:  # noqa: ARG002
        """Return what the callable returns; BarrierTimeout when the stream does not come so far in an hour."""
        from pg2es.core.errors import BarrierTimeout
        from pg2es.services.generations import live_generation
        from pg2es.services.stream import Awaited, await_commits

        arguments = self.op_kwargs
        index = arguments.get("index") or arguments.get("prepared", {}).get("index")
        servers, pipeline = of_pipeline(arguments["pipeline"])
        if index or live_generation(servers.elasticsearch, pipeline):
            source = servers.project.source_of(pipeline)
            found = Awaited.from_json(awaited) if awaited else await_commits(servers, source, [pipeline], index)
            if left := follow_aside(self, servers, source, found, since, CAUGHT_UP_TIMEOUT_S):
                raise BarrierTimeout(f"{left} Look at the lag of its connectors.")
        return super().execute(context)

    def get_openlineage_facets_on_complete(self, _: object) -> "OperatorLineage":
        """Return from which tables that index is made; OpenLineage's provider asks for it."""
        return describe_lineage(self.op_kwargs["pipeline"])


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
