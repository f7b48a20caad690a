"""Params of DAGs."""

from collections.abc import Mapping

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict

from pg2es.core.config import Pipeline


def add_params(dag: DAG, params: Mapping[str, Param]) -> None:
    """Give a DAG its Params once it has its tasks.

    Airflow copies those that a DAG has into each new task, which makes files slower to read and serialized DAGs larger.
    A run's Params are the same either way.
    """
    dag.params = ParamsDict(params)


def keep_old_param(pipeline: Pipeline) -> Param:
    """Return the Param that says how long a replaced generation stays."""
    return Param(
        pipeline.reindex.keep_old_h,
        type="number",
        minimum=0,
        title="Keep the old for",
        description="Hours that the replaced generation is kept up to date, as the way back.",
    )
