"""A cluster with a node that is away: it is passed over, and what may have been carried out is not sent twice."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from pg2es.adapters.elasticsearch import indices
from pg2es.core.errors import ElasticsearchUnavailable
from stack.config import HOST, load_config
from stack.ports import free_port
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder


def add_node(folder: ProjectFolder, port: int) -> None:
    """Name another node first."""
    platform = yaml.safe_load((folder.folder / "platform.yaml").read_text())
    good = load_config().url("elasticsearch")
    folder.change("platform.yaml", elasticsearch=platform["elasticsearch"] | {"urls": f"http://{HOST}:{port},{good}"})


def test_stream_and_jobs_pass_over_a_node_that_is_away(streamed_folder: ProjectFolder, database: Database) -> None:
    add_node(streamed_folder, free_port())
    streamed = Streamed(streamed_folder, database)
    streamed.change("while a node is away")
    streamed.check_equal()
    clients = streamed.clients
    for _ in range(10):  # by turns, each node is the first that is asked
        assert indices.live_generation(clients.elasticsearch, streamed.pipeline.alias) == streamed.live.index


@contextmanager
def node_that_dies() -> Iterator[tuple[int, list[bytes]]]:
    """Give the port of a node that dies while it works on a request, and what it was asked."""
    asked: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.request.recv(65_536))

    with socketserver.ThreadingTCPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def test_what_may_have_been_carried_out_is_not_sent_again(project_folder: ProjectFolder) -> None:
    with node_that_dies() as (port, asked):
        add_node(project_folder, port)
        client = project_folder.clients().elasticsearch

        def ask_each_node() -> None:
            for number in range(2):  # by turns
                indices.create_index(client, f"{project_folder.prefix}nothing-{number}", {}, None)

        with pytest.raises(ElasticsearchUnavailable, match="ConnectionLost"):
            ask_each_node()
    assert [request.split()[0] for request in asked] == [b"PUT"]
