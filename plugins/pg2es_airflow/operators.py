"""For DAGs of your own: tasks that backfill, reconcile and refresh, and one that waits until commits are searchable.

    loaded = SQLExecuteQueryOperator(…)                      # your DAG writes into PostgreSQL
    searchable = UntilSearchable(task_id="searchable", source="shop")
    chain(loaded, searchable, told)

They read the folder that PG2ES_CONFIG names, or the one that `pg2es_airflow.project.choose` was told above them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import BaseSensorOperator, Context, Param, TaskGroup

from pg2es_airflow import reconcile
from pg2es_airflow.assets import SOMETIMES, reconciled
from pg2es_airflow.dags.backfill import fill
from pg2es_airflow.patience import CaughtUpOperator, follow_aside
from pg2es_airflow.project import of_pipeline, of_source, project
from pg2es_airflow.retries import DEFAULT_ARGS


class Backfill(TaskGroup):
    """Reads every row of a pipeline's root table into its index, as the DAG `backfill_<pipeline>` does.

    `chunks`, `parallelism`: as the Params of that DAG; None: as the pipeline file says.
    """

    def __init__(
        self, pipeline: str, *, chunks: int | None = None, parallelism: int | None = None, **kwargs: Any
    ) -> None:
        kwargs["default_args"] = DEFAULT_ARGS | (kwargs.get("default_args") or {})
        super().__init__(**{"group_id": f"backfill_{pipeline}", **kwargs})
        read = project()
        model = read.pipeline(pipeline)
        params = {
            "chunks": Param(chunks or model.backfill.chunks),
            "parallelism": Param(parallelism or model.backfill.parallelism),
        }
        with self:
            fill(model, read.platform.airflow.pool, params)


class Reconcile(CaughtUpOperator):
    """Compares every document with its row and repairs what differs; fails when something still differs at its end.

    `deep`: stored documents that are read whole: `none`, the `part` that is due, or `all`. `repair`,
    `max_repair_fraction`: None: as the pipeline file says.
    """

    def __init__(
        self,
        *,
        pipeline: str,
        deep: str = "part",
        repair: bool | None = None,
        max_repair_fraction: float | None = None,
        **kwargs: Any,
    ) -> None:
        settings = {"deep": deep, "repair": repair, "max_repair_fraction": max_repair_fraction}
        super().__init__(
            python_callable=_reconcile,
            op_kwargs={"pipeline": pipeline, **settings},
            outlets=[reconciled(pipeline), SOMETIMES],
            **(DEFAULT_ARGS | kwargs),
        )


class Refresh(PythonOperator):
    """Has the sinks of a pipeline read roots again: those of `keys`, those that `where` holds for, or all of them.

    A key is a value, or a list of values where it has several columns. `where`: SQL on the root table, called `root`.
    It returns when Kafka has the request; `UntilSearchable` waits for the documents.
    """

    def __init__(
        self,
        *,
        pipeline: str,
        keys: Iterable[Any] | None = None,
        where: str | None = None,
        everything: bool = False,
        **kwargs: Any,
    ) -> None:
        if [keys is not None, where is not None, everything].count(True) != 1:
            raise ValueError(f"Refresh of {pipeline}: give keys, or where, or everything=True.")
        super().__init__(
            python_callable=_refresh,
            op_kwargs={"pipeline": pipeline, "keys": keys, "where": where},
            **(DEFAULT_ARGS | kwargs),
        )


class UntilSearchable(BaseSensorOperator):
    """Waits until everything that was committed before it began is searchable, without a worker slot if it takes long.

    In every pipeline of the source that has an index, or in `pipelines`. A refresh that was asked for before is waited
    for, too.
    """

    template_fields: Sequence[str] = ("source", "pipelines")

    def __init__(self, *, source: str, pipelines: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**(DEFAULT_ARGS | kwargs))
        self.source = source
        self.pipelines = pipelines

    def execute(self, context: Context, since: str | None = None, awaited: Any = None, event: Any = None) -> None:  # noqa: ARG002
        """Return when it is so; AirflowSensorTimeout after `timeout` seconds. Airflow calls it again with its state."""
        from pg2es.services.stream import Awaited, await_commits

        servers, source = of_source(self.source)
        if awaited is None:
            models = [servers.project.pipeline(name) for name in self.pipelines] if self.pipelines else None
            awaited = await_commits(servers, source, models).to_json()
        if left := follow_aside(self, servers, source, Awaited.from_json(awaited), since, self.timeout):
            raise AirflowSensorTimeout(str(left))


def _reconcile(pipeline: str, deep: str, *, repair: bool | None, max_repair_fraction: float | None) -> dict[str, str]:
    found = reconcile.compare(pipeline, deep, repair=repair, max_repair_fraction=max_repair_fraction)
    reconcile.check(found)
    return found


def _refresh(pipeline: str, keys: Iterable[Any] | None, where: str | None) -> None:
    from pg2es.services import refresh

    target = of_pipeline(pipeline)
    if where is not None:
        refresh.request_where(*target, where)
    elif keys is not None:
        refresh.request_keys(*target, (tuple(map(str, key)) if isinstance(key, list) else (str(key),) for key in keys))
    else:
        refresh.request_all(*target)
