"""Params that several DAGs have."""

from airflow.sdk import Param

from pg2es.core.config import Pipeline


def keep_old_param(pipeline: Pipeline) -> Param:
    """Return the Param that says how long a replaced generation stays."""
    return Param(
        pipeline.reindex.keep_old_h,
        type="number",
        minimum=0,
        title="Keep the old for",
        description="Hours that the replaced generation is kept up to date, as the way back.",
    )
