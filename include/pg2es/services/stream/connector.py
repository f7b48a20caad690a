"""One connector of Kafka Connect, whichever: made, changed, started, stopped and removed; each step is waited for."""

import logging
from collections.abc import Callable
from contextlib import suppress

from pg2es.core.errors import ConnectorError, ConnectorExists, ConnectUnavailable, Pg2esError, TransientError
from pg2es.core.monitoring import ConnectorStatus
from pg2es.core.stream import SINK_CLASS, Config, describe_changes
from pg2es.core.versions import is_outdated, judge_sink
from pg2es.services.clients import Clients
from pg2es.services.waiting import wait_for

log = logging.getLogger(__name__)

RUNNING_TIMEOUT_S = 120

UNASSIGNED_S = 20
"""How long a connector may be nobody's; that of a worker that died is another one's before."""

OnStop = Callable[[], object]
"""Called before a connector that runs is stopped for a moment: whoever is killed then has said so before."""


def say_nothing() -> None:
    """Leave it to whoever sees that a run has failed."""


def create_stopped(clients: Clients, name: str, config: Config) -> None:
    """Make a connector that has not begun, so that its positions can be seen and set."""
    _check(clients, name, config)
    try:
        clients.connect.create(name, config, initial_state="STOPPED")
    except ConnectorExists:  # a request of ours was not answered, but carried out
        clients.connect.stop(name)
        # A stopped connector that is given its configuration again is nobody's for a moment, after it was STOPPED.
        if describe_changes(clients.connect.config(name) or {}, config):
            clients.connect.update(name, config)
    wait_for_state(clients, name, "STOPPED")


def ensure_stopped(clients: Clients, name: str, config: Config) -> None:
    """Stop a connector, or make it, where it is gone, so that it has not begun."""
    if clients.connect.config(name) is None:
        create_stopped(clients, name, config)
    else:
        stop_connectors(clients, name)


def is_stopped(clients: Clients, name: str) -> bool:
    """Return whether a connector is stopped."""
    status = clients.connect.status(name)
    return status is not None and status.state == "STOPPED"


def start_connector(
    clients: Clients, name: str, config: Config, *, begins: bool, mend: bool, on_stop: OnStop = say_nothing
) -> None:
    """Give a connector its configuration and start it; one that `begins` was stopped, or made, by ourselves.

    `mend`: what has failed, was paused or was stopped is left to the caller. `on_stop` is called before it is stopped.
    """
    current = clients.connect.config(name) or {}
    if changes := describe_changes(current, config):
        _refuse_another_converter(name, current, config)
        _check(clients, name, config)
        log.info("Changing connector %s:\n%s", name, "\n".join(changes))
        on_stop()
        _change(clients, name, config, begins=begins)
    status = clients.connect.status(name)
    if changes or begins or (not mend and status and status.state in ("STOPPED", "PAUSED")):
        clients.connect.resume(name)
    elif status and status.failed:
        if mend:
            return
        clients.connect.restart(name)
    wait_until_running(clients, name)


def _refuse_another_converter(name: str, current: Config, config: Config) -> None:
    """Raise ConnectorError for a change after which what the topics hold could not be read."""
    before, after = (options.get("value.converter", "") for options in (current, config))
    if before and before != after:
        raise ConnectorError(
            f"{name}: what its topics hold was written by {before}, which {after} cannot read. Take converter of "
            f"the source back; or begin anew: the DAG connectors with action remove, then the pipelines' backfills."
        )


def _check(clients: Clients, name: str, config: Config) -> None:
    """Raise ConnectorError when the workers do not take a configuration, or a worker has an older sink."""
    if config["connector.class"] == SINK_CLASS:
        for worker, version in clients.connect.plugin_versions(SINK_CLASS).items():
            if is_outdated(version):
                raise ConnectorError(f"{name}: {judge_sink(worker, version)}")
    clients.connect.validate(name, config)


def _change(clients: Clients, name: str, config: Config, *, begins: bool) -> None:
    """Give a connector another configuration, after the tasks of the old one have ended.

    Nothing that follows may count on what they still send. One that ran is not left stopped when that fails: it would
    be taken for somebody's wish.
    """
    try:
        stop_connectors(clients, name)
        clients.connect.update(name, config)
    except Pg2esError:
        if not begins:
            with suppress(TransientError):
                clients.connect.resume(name)
        raise


def stop_connectors(clients: Clients, *names: str) -> None:
    """Stop connectors, all at once, and wait until their tasks have ended."""
    for name in names:
        clients.connect.stop(name)
    for name in names:
        wait_for_state(clients, name, "STOPPED")


def resume_connector(clients: Clients, name: str) -> None:
    """Let a connector go on and wait until its tasks are there, or have failed.

    A standalone worker that is told to resume another one meanwhile may lock up for good.
    """
    clients.connect.resume(name)
    _wait_until_settled(clients, name)


def remove_connector(clients: Clients, name: str) -> None:
    """Remove a connector with its offsets, so that one of the same name does not begin where this one ended."""
    stop_connectors(clients, name)
    clients.connect.reset_offsets(name)
    clients.connect.remove(name)
    wait_for(
        lambda: clients.connect.config(name) is None,
        timeout_s=RUNNING_TIMEOUT_S,
        on_timeout=lambda: ConnectUnavailable(f"Connector {name} is not gone after {RUNNING_TIMEOUT_S} s."),
    )


def wait_for_state(clients: Clients, name: str, state: str) -> None:
    """Wait until a connector is in a state in which no task of it runs.

    A task that ended after its connector was deleted leaves its last word, UNASSIGNED, to the next one of that name.
    """

    def reached() -> bool:
        status = clients.connect.status(name)
        return status is not None and status.state == state and {*status.tasks} <= {"UNASSIGNED", "DESTROYED"}

    wait_for(
        reached,
        timeout_s=RUNNING_TIMEOUT_S,
        on_timeout=lambda: ConnectUnavailable(f"Connector {name} is not {state} after {RUNNING_TIMEOUT_S} s."),
    )


def wait_until_running(clients: Clients, name: str) -> None:
    """Wait until a connector and its tasks run; ConnectorError with the cause when one fails."""
    status = _wait_until_settled(clients, name)
    if status.failed:
        raise ConnectorError(f"Connector {name} has failed: {'; '.join(status.trace)}")


def _wait_until_settled(clients: Clients, name: str) -> ConnectorStatus:
    """Return a connector's status, once it and its tasks run or one of them has failed.

    Workers write into a topic what becomes of a connector. When Kafka was away for a while, the last word of one that
    has lost it, UNASSIGNED, may come after the first word of the one that has it now, and stays for good unless it
    starts once more. Of tasks Kafka Connect itself believes no such word.
    """

    def settled() -> ConnectorStatus | None:
        status = clients.connect.status(name)
        return status if status and (status.failed or status.running) else None

    def wait(timeout_s: float) -> ConnectorStatus:
        return wait_for(
            settled,
            timeout_s=timeout_s,
            on_timeout=lambda: ConnectUnavailable(
                f"Connector {name} does not run after {RUNNING_TIMEOUT_S} s: {clients.connect.status(name)}"
            ),
        )

    with suppress(ConnectUnavailable):
        return wait(UNASSIGNED_S)
    if (status := clients.connect.status(name)) and status.state == "UNASSIGNED":
        log.warning("Connector %s is nobody's after %s s, so it is started once more: %s", name, UNASSIGNED_S, status)
        clients.connect.restart(name, only_failed=False, tasks=False)
    return wait(RUNNING_TIMEOUT_S - UNASSIGNED_S)
