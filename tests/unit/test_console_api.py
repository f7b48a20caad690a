"""The console beside Airflow's own API: it waits in threads of its own, and not for long."""

import socket
import threading
from collections.abc import Iterator

import anyio
import httpx
import pytest
from fastapi import FastAPI

from pg2es.adapters.connect import ConnectCluster
from pg2es.core.config import Project
from pg2es.core.errors import ConnectUnavailable
from pg2es.services.clients import Clients
from pg2es_airflow.console import views
from pg2es_airflow.console.threads import in_own_threads

MANY = 60
"""More than the threads that a server has for all of its endpoints."""


@pytest.fixture
def silent() -> Iterator[ConnectCluster]:
    """Two workers of Kafka Connect that take connections and answer nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield ConnectCluster((address, address))


def test_endpoints_that_wait_take_no_thread_from_others() -> None:
    gate, app = threading.Event(), FastAPI()

    def wait(name: str) -> str:
        gate.wait(30)
        return name

    app.get("/console/{name}")(in_own_threads(wait))
    app.get("/other")(lambda: "there")

    async def ask() -> list[str]:
        answers: list[str] = []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow", timeout=60) as client:

            async def ask_console(name: int) -> None:
                answers.append((await client.get(f"/console/{name}")).json())

            async with anyio.create_task_group() as group:
                for name in range(MANY):
                    group.start_soon(ask_console, name)
                try:
                    with anyio.fail_after(10):
                        assert (await client.get("/other")).json() == "there"
                finally:
                    gate.set()
        return answers

    assert sorted(map(int, anyio.run(ask))) == list(range(MANY))


def test_a_worker_that_does_not_answer_is_given_up_soon(
    project: Project, silent: ConnectCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Clients(project)
    clients.connect = silent
    assert views.CONNECT_TIMEOUT_S <= 5
    monkeypatch.setattr(views, "CONNECT_TIMEOUT_S", 0.1)
    with pytest.raises(ConnectUnavailable, match=r"timed out; .*timed out"):
        views.show_connectors(clients, project.pipeline("orders"))
