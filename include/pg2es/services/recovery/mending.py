"""Mending the connectors of a source: make what is missing, change what differs, restart what has failed.

What somebody paused or stopped is left alone, and so is a source that was never deployed. What cannot be mended, a lost
slot first of all, is reported and hides nothing else.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pg2es.core.config import OnFailover, Pipeline, Source
from pg2es.core.errors import IdentityMismatch, PermanentError, TransientError
from pg2es.core.generations import sink_connector
from pg2es.core.recovery import Step, Tries, decide, note_running
from pg2es.core.stream import describe_changes
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, live_generation
from pg2es.services.locks import locked_source
from pg2es.services.recovery.adoption import find_promotion
from pg2es.services.recovery.stream_checks import check_stream
from pg2es.services.stream import OnStop, ensure_sink, ensure_source, is_streamed, kept_generations

log = logging.getLogger(__name__)

TRACE_LINES = 5

LOCK_TIMEOUT_S = 30
"""The next look comes soon, and whoever changes the source meanwhile leaves it as it should be."""


@dataclass
class Mended:
    """What was done, what is worth knowing, and what is wrong; the tries are for the next look.

    `unanswered`: why the look ended early, a server that does not answer or another job that changes the source.
    `timeline`: that of a promoted standby, which a recovery has to adopt before anything else.
    """

    deployed: bool = True
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tries: dict[str, Tries] = field(default_factory=dict)
    unanswered: str | None = None
    timeline: int | None = None

    def __str__(self) -> str:
        unanswered = [self.unanswered] if self.unanswered else []
        return "\n".join([*unanswered, *self.problems, *self.done, *self.notes]) or "Nothing to do."


Keep = Callable[[dict[str, Tries]], object]
"""Keeps the tries for the next look, should this one be killed."""


def mend(clients: Clients, source: Source, tries: dict[str, Tries], now: float, keep: Keep = lambda _: None) -> Mended:
    """Mend the connectors of a source. `tries`: of connectors that were restarted before, as the last look left them.

    A server that does not answer ends the look; what was done until then is returned, and the tries with it. Before a
    connector is stopped for a change, `keep` is told.
    """
    mended = Mended()
    try:
        _look(clients, source, tries, now, mended, keep)
    except TransientError as error:
        mended.unanswered = str(error)
        mended.tries = tries | mended.tries
    return mended


def _look(clients: Clients, source: Source, tries: dict[str, Tries], now: float, mended: Mended, keep: Keep) -> None:
    if not is_streamed(clients, source):
        mended.deployed = False
        mended.notes.append("It is not deployed; the first backfill of a pipeline does that.")
        return
    with locked_source(clients, source, LOCK_TIMEOUT_S):
        if not is_streamed(clients, source):
            mended.deployed = False
            mended.notes.append("It was removed.")
            return
        if not _check_identity(clients, source, mended):
            return
        look = _Look(clients, tries, now, mended, keep)
        look.mend(source.connector, lambda mend, on_stop: ensure_source(clients, source, mend=mend, on_stop=on_stop))
        fed = [look.mend_sinks(pipeline) for pipeline in clients.project.pipelines_of(source)]
        mended.notes += check_stream(clients, source, [generation for generation in fed if generation])


def _check_identity(clients: Clients, source: Source, mended: Mended) -> bool:
    """Return whether the database is that of the indices; else there is nothing to mend before it is adopted."""
    try:
        promoted = find_promotion(clients, source)
    except IdentityMismatch as error:
        mended.problems.append(str(error))
        return False
    if promoted is None:
        return True
    said = f"A standby was promoted: source {source.name} is on timeline {promoted.timeline} now."
    if source.on_failover is OnFailover.ADOPT:
        mended.timeline = promoted.timeline
        mended.notes.append(f"{said} The DAG recover_{source.name} adopts it.")
    else:
        mended.problems.append(f"{said} Run the DAG recover_{source.name} (the source's file says on_failover: stop).")
    return False


class _Look:
    """One look at the connectors."""

    def __init__(self, clients: Clients, tries: dict[str, Tries], now: float, mended: Mended, keep: Keep) -> None:
        self._clients = clients
        self._tries = tries
        self._now = now
        self._keep_now = keep
        self._before = clients.connect.list_statuses()
        self.mended = mended

    def mend_sinks(self, pipeline: Pipeline) -> Generation | None:
        """Mend the sinks of a pipeline and return its live generation; one without a fence is its backfill's."""
        try:
            live = live_generation(self._clients.elasticsearch, pipeline)
            all_kept = kept_generations(self._clients, pipeline, live)
        except PermanentError as error:
            self.mended.problems.append(str(error))
            return None
        if live and live.meta.fence:
            self._mend_sink(pipeline, live)
        for kept in all_kept:
            self._mend_sink(pipeline, kept, needed=False)
        return live

    def _mend_sink(self, pipeline: Pipeline, generation: Generation, *, needed: bool = True) -> None:
        self.mend(
            sink_connector(generation.index),
            lambda mend, on_stop: ensure_sink(self._clients, pipeline, generation, mend=mend, on_stop=on_stop),
            needed=needed,
        )

    def mend(self, name: str, ensure: Callable[[bool, OnStop], object], *, needed: bool = True) -> None:
        """Mend one connector; that one that is not `needed` cannot be mended harms nobody."""
        found = self._before.get(name)
        tries = self._tries.get(name, Tries())
        asleep = found is not None and found[0].state in ("PAUSED", "STOPPED")
        if found and asleep and not tries.cut_off:
            self.mended.notes.append(f"{name} is {found[0].state} on purpose, so it stays.")
            return
        try:
            # One that the last look left stopped is started, as by somebody who deploys it.
            ensure(not (asleep and tries.cut_off), lambda: self._keep_cut_off(name, tries))
        except TransientError:
            self._keep(name, replace(tries, cut_off=self._may_be_stopped(name)))
            raise
        except PermanentError as error:
            (self.mended.problems if needed else self.mended.notes).append(str(error))
            self._keep(name, self._tries.get(name))
            return
        self._report_what_changed(name)
        status = self._clients.connect.status(name)
        if status and status.failed:
            self._restart(name)
        elif status and status.running and name in self._tries:
            self._keep(name, note_running(self._tries[name], self._now))
        else:
            self._keep(name, replace(tries, cut_off=False))

    def _keep_cut_off(self, name: str, tries: Tries) -> None:
        """Let the next look know, should this one be killed, that it was not somebody's wish to stop a connector."""
        self._keep_now(self._tries | self.mended.tries | {name: replace(tries, cut_off=True)})

    def _may_be_stopped(self, name: str) -> bool:
        """Return whether a connector may have been left stopped."""
        try:
            status = self._clients.connect.status(name)
        except TransientError:
            return True
        return status is not None and status.state == "STOPPED"

    def _report_what_changed(self, name: str) -> None:
        if name not in self._before:
            self.mended.done.append(f"Made {name}.")
        elif changes := describe_changes(self._before[name][1], self._clients.connect.config(name) or {}):
            self.mended.done.append(f"Changed {name}: {'; '.join(changes)}")

    def _restart(self, name: str) -> None:
        settings = self._clients.project.platform.connect
        pause_s, most = (settings.mend_every_min or 0) * 60, settings.max_restarts
        step, tries = decide(self._tries.get(name, Tries()), self._now, pause_s=pause_s, most=most)
        self._keep(name, tries)
        if step is Step.RESTART:
            self._clients.connect.restart(name)
            self.mended.done.append(f"Restarted what has failed of {name}, try {tries.count} of {most}.")
        elif step is Step.WAIT:
            due = datetime.fromtimestamp(tries.next_at(pause_s), UTC)
            self.mended.notes.append(f"{name} has failed; its next restart is due at {due:%H:%M:%S} UTC.")
        else:
            trace = "\n".join(self._clients.connect.first_lines(name, TRACE_LINES))
            self.mended.problems.append(
                f"Gave up on {name}: it failed again after {tries.count} restarts. Correct the cause, then run the DAG "
                f"connectors with action restart.\n{trace}"
            )

    def _keep(self, name: str, tries: Tries | None) -> None:
        if tries and (tries.count or tries.cut_off):
            self.mended.tries[name] = tries
