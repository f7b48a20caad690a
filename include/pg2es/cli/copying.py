"""Copying a table into a generation from the shell: a thread for each lane, and a bar that says how far it is."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from pg2es.adapters.elasticsearch import indices
from pg2es.cli.console import err
from pg2es.core.backfill import Chunk
from pg2es.core.config import Pipeline
from pg2es.core.errors import Pg2esError
from pg2es.core.generations import sink_connector
from pg2es.services import backfill
from pg2es.services.clients import Clients
from pg2es.services.monitoring import estimate_rows
from pg2es.services.stream import count_lag

LOOK_S = 1

Copied = tuple[list[Chunk], list[backfill.ChunkResult]]
"""The chunks as planned, and what the copy of each did."""


def copy(clients: Clients, pipeline: Pipeline, index: str, chunks: int | None, parallelism: int | None) -> Copied:
    """Copy every root of a pipeline, by default in chunks and lanes as its file says.

    Raises what `backfill.copy_chunk` raises, once the chunks that are being copied have ended.
    """
    planned = backfill.plan(clients, pipeline, chunks or pipeline.backfill.chunks)
    lanes = parallelism or pipeline.backfill.parallelism
    failed = threading.Event()

    def copy_lane(lane: int) -> list[backfill.ChunkResult]:
        results = []
        for chunk in planned[lane::lanes]:
            if failed.is_set():
                break
            results.append(backfill.copy_chunk(clients, pipeline, index, chunk, lane))
        return results

    with ThreadPoolExecutor(lanes) as pool, _bar(clients, pipeline, index) as bar:
        running: list[Future[list[backfill.ChunkResult]]] = [pool.submit(copy_lane, lane) for lane in range(lanes)]
        try:
            while wait(running, timeout=LOOK_S).not_done:
                if any(future.done() and future.exception() for future in running):
                    failed.set()
                bar.look()
        except KeyboardInterrupt:
            err.print(Text("Interrupted. What was copied stays right; run it again to copy the rest."))
            os._exit(130)  # a chunk may be killed anywhere; to wait for its end may take minutes
        bar.look()
    return planned, [result for future in running for result in future.result()]


class _Rate(ProgressColumn):
    """Documents a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} docs/s")


class _Bar:
    """Shows what was written to an index since it was made, and how far the stream is behind meanwhile."""

    def __init__(self, clients: Clients, pipeline: Pipeline, index: str, progress: Progress) -> None:
        self._clients = clients
        self._index = index
        self._progress = progress
        self._before = indices.count_written(clients.elasticsearch, index)
        rows = estimate_rows(clients, clients.project.source_of(pipeline)).get(pipeline.name)
        self._task = progress.add_task(index, total=rows, lag="")

    def look(self) -> None:
        """Show how far it is; a server that does not answer is no reason to fail."""
        try:
            written = indices.count_written(self._clients.elasticsearch, self._index) - self._before
            sink = sink_connector(self._index)
            config = self._clients.connect.config(sink)
            lag = sum(count_lag(self._clients.kafka, sink, config).values()) if config else 0
        except Pg2esError:
            return
        self._progress.update(self._task, completed=written, lag=f"stream {lag:,} behind" if lag else "")


@contextmanager
def _bar(clients: Clients, pipeline: Pipeline, index: str) -> Iterator[_Bar]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:,.0f} docs"),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[lag]}"),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield _Bar(clients, pipeline, index, progress)
