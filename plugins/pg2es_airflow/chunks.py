"""The chunks that backfill and reindex have in common: Params, tasks, and starting over when the plan is outdated."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context, Param, XComArg, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from pg2es.core.config import MOST_LANES, Pipeline
from pg2es_airflow.notes import write_run_note
from pg2es_airflow.patience import PATIENCE_S, wait_aside
from pg2es_airflow.project import of_pipeline

if TYPE_CHECKING:
    from pg2es.services.backfill import ChunkResult

log = logging.getLogger(__name__)

STARTED_OVER = "started_over"


def chunk_params(pipeline: Pipeline, pool: str) -> dict[str, Param]:
    """Return the Params that say how a table is divided; `pool`: which its chunks take slots of."""
    return {
        "chunks": Param(
            pipeline.backfill.chunks,
            type=["null", "integer"],
            minimum=1,
            maximum=1000,
            title="Chunks",
            description="Into how many parts the table is divided. Empty: one for each 128 MiB.",
        ),
        "parallelism": Param(
            pipeline.backfill.parallelism,
            type="integer",
            minimum=1,
            maximum=MOST_LANES,
            title="Parallelism",
            description=f"How many chunks are copied at the same time (the pool {pool} bounds it too).",
        ),
        STARTED_OVER: Param(
            default=False,
            type="boolean",
            title="Started over",
            description="Leave it: set by a run that starts over, so that it does so only once.",
        ),
    }


def copy_in_chunks(
    pipeline: Pipeline, prepared: XComArg, pool: str, params: Mapping[str, Param] | None = None
) -> tuple[PythonOperator, XComArg]:
    """Declare the tasks `plan_chunks` and `copy_chunk`; return the first and the results of the second.

    `params`: how the table is divided, where the DAG has no Params for that.
    """
    planned = PythonOperator(
        task_id="plan_chunks",
        python_callable=plan_chunks,
        op_kwargs={"pipeline": pipeline.name, "prepared": prepared},
        params=params,
    )
    copied = CopyChunkOperator.partial(
        task_id="copy_chunk",
        python_callable=copy_chunk,
        pool=pool,
        max_active_tis_per_dagrun=MOST_LANES,
        map_index_template="{{ task.op_kwargs['chunk']['index'] }}",
    ).expand(op_kwargs=planned.output)
    return planned, copied.output


def plan_chunks(pipeline: str, prepared: dict[str, Any]) -> list[dict[str, Any]]:
    """Divide the root table into chunks and return what `copy_chunk` takes for each; there are `parallelism` lanes."""
    from pg2es.services import backfill

    params = get_current_context()["params"]
    chunks = backfill.plan(*of_pipeline(pipeline), params["chunks"])
    log.info("%d chunks", len(chunks))
    lanes = params["parallelism"]
    common = {"pipeline": pipeline, "index": prepared["index"]}
    return [{**common, "chunk": chunk.to_json(), "lane": chunk.index % lanes} for chunk in chunks]


def copy_chunk(pipeline: str, index: str, chunk: dict[str, Any], lane: int) -> "ChunkResult":
    """Refresh the roots of one chunk and return counts; HeldUp when it would wait for the stream for long."""
    from pg2es.core.backfill import Chunk
    from pg2es.services import backfill

    planned = Chunk.from_json(chunk)
    result = backfill.copy_chunk(*of_pipeline(pipeline), index, planned, lane, PATIENCE_S)
    log.info("%s: %s", planned.blocks, result)
    return result


class CopyChunkOperator(PythonOperator):
    """Copies a chunk. While PostgreSQL keeps too much WAL for the stream, it waits without a worker slot."""

    def execute(
        self,
        context: Context,
        done: dict[str, Any] | None = None,
        left: dict[str, Any] | None = None,
        event: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return counts; HeldUp after a day. Airflow calls it again with what is done and what is left."""
        from pg2es.services import backfill

        before = backfill.ChunkResult.from_json(done) if done else None
        if left:
            self.op_kwargs = {**self.op_kwargs, "chunk": left}
        try:
            result: ChunkResult = super().execute(context)
        except backfill.HeldUp as held:
            so_far = before.then(held.done) if before else held.done
            if so_far.seconds > backfill.PATIENCE_S:
                raise
            log.info("%s Waiting aside.", held)
            wait_aside(self, "execute", done=so_far.to_json(), left=held.left.to_json())
        return (before.then(result) if before else result).to_json()


class StartOverOperator(TriggerDagRunOperator):
    """Triggers its own DAG once more when a task failed because columns, files or tables changed since the plan.

    The failed run stays failed, and its note names the new one. A run that has started over before is left alone.
    """

    template_fields = ("pipeline", "prepared", "planned")

    def __init__(self, *, pipeline: str, prepared: XComArg, planned: XComArg, **kwargs: Any) -> None:
        super().__init__(trigger_rule="one_failed", trigger_dag_id="", logical_date=None, **kwargs)
        self.pipeline = pipeline
        self.prepared: Any = prepared  # what the tasks returned, when this one runs
        self.planned: Any = planned

    def execute(self, context: Context) -> None:
        """Trigger the run; skipped when what was planned still holds, so that the failure has another cause."""
        reason = self._why_outdated()
        if reason is None:
            raise AirflowSkipException("What was planned still holds: look at the task that failed.")
        if context["params"][STARTED_OVER]:
            write_run_note(f"{reason} This run has started over once already and ends here.")
            raise AirflowSkipException("It has started over once already.")
        run = context["dag_run"]
        self.trigger_dag_id = run.dag_id
        self.trigger_run_id = f"{run.run_id}__started_over"
        self.conf = {**context["params"], STARTED_OVER: True}
        write_run_note(f"{reason} It starts over as run {self.trigger_run_id}.")
        super().execute(context)

    def _why_outdated(self) -> str | None:
        from pg2es.core.backfill import Chunk
        from pg2es.services import backfill

        if self.prepared is None:
            return None
        chunks = [Chunk.from_json(entry["chunk"]) for entry in self.planned or []]
        return backfill.is_outdated(*of_pipeline(self.pipeline), self.prepared["index"], chunks)
