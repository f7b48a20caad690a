"""Pausing, stopping, resuming and restarting the connectors of a source, or the sinks of one of its pipelines."""

from collections.abc import Callable

from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import ConnectorError
from pg2es.core.stream import Steering
from pg2es.services.clients import Clients
from pg2es.services.locks import locked_source
from pg2es.services.stream.connector import remove_connector, resume_connector
from pg2es.services.stream.finding import find_connectors


def steer(clients: Clients, source: Source, pipeline: Pipeline | None, steering: Steering) -> list[str]:
    """Steer the connectors of a source, or the sinks of one pipeline, and return their names."""
    connect = clients.connect
    acts: dict[Steering, Callable[[str], None]] = {
        Steering.PAUSE: connect.pause,
        Steering.STOP: connect.stop,
        Steering.RESUME: lambda name: resume_connector(clients, name),
        Steering.RESTART: lambda name: connect.restart(name, only_failed=False),
    }
    return _each(clients, source, pipeline, acts[steering])


def remove_sinks(clients: Clients, source: Source, pipeline: Pipeline) -> list[str]:
    """Remove the sinks of a pipeline with their positions; its indices stay, and get no more changes."""
    return _each(clients, source, pipeline, lambda name: remove_connector(clients, name))


def _each(clients: Clients, source: Source, pipeline: Pipeline | None, act: Callable[[str], None]) -> list[str]:
    """Act on each connector and return their names; ConnectorError when there is none."""
    with locked_source(clients, source):
        names = find_connectors(clients, source, pipeline)
        if not names:
            about = f"pipeline {pipeline.name}" if pipeline else f"source {source.name}"
            raise ConnectorError(f"There is no connector of {about}; deploy it with the DAG connectors.")
        for name in names:
            act(name)
        return names
