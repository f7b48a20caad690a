"""A cluster of two nodes: `master`, which may be elected, and `data`, which may be lost."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from pg2es.services.waiting import wait_for
from stack.config import HOST, StackConfig, load_config
from stack.identity import ServiceUser, find_service_user
from stack.ports import free_port
from stack.services import elasticsearch

TIMEOUT_S = 120


class Node(elasticsearch.Elasticsearch):
    """One of them. Without security: a license that asks for it wants TLS between nodes, too."""

    def __init__(self, name: str, config: StackConfig, user: ServiceUser, seed: int | None, *roles: str) -> None:
        super().__init__(f"elasticsearch-{name}", config, user)
        self.port, self.transport, self._seed, self._roles = free_port(), free_port(), seed, roles
        self._process: subprocess.Popen[bytes] | None = None

    def settings(self) -> Mapping[str, object]:
        """Return what stands in elasticsearch.yml."""
        alone = {name: value for name, value in super().settings().items() if not name.startswith("xpack.security.")}
        del alone["discovery.type"]
        own = {
            "cluster.name": "pair",
            "node.name": self.name,
            "node.roles": f"[{', '.join(self._roles)}]",
            "http.port": self.port,
            "transport.port": self.transport,
            "discovery.seed_hosts": f"[{HOST}:{self._seed or self.transport}]",
            "xpack.security.enabled": "false",
        }
        first = {} if self._seed else {"cluster.initial_master_nodes": self.name}
        return alone | own | first

    def start(self) -> None:
        """Start it; it is ready some time later."""
        self.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.user.prefix, *map(str, self.command())],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@dataclass
class ElasticsearchPair:
    """The two nodes."""

    master: Node
    data: Node

    @property
    def urls(self) -> str:
        """Addresses of both, the one first that may be lost."""
        return f"http://{HOST}:{self.data.port},http://{HOST}:{self.master.port}"

    def client(self) -> Elasticsearch:
        """Return a client of the node that is not lost."""
        return Elasticsearch(f"http://{HOST}:{self.master.port}")

    def put_primary_on_data(self, index: str) -> None:
        """Let the primary shard of an index be on the node that may be lost, and a replica on the other one."""
        client = self.client()
        place = "index.routing.allocation.require._name"
        client.indices.put_settings(index=index, settings={place: self.data.name, "index.number_of_replicas": 0})
        self._wait(lambda: self.find_primary(index) == self.data.name, f"the primary of {index} does not move")
        client.indices.put_settings(index=index, settings={place: None, "index.number_of_replicas": 1})
        self.wait_until(index, "green")
        assert self.find_primary(index) == self.data.name

    def find_primary(self, index: str) -> str | None:
        """Return the node that has the started primary shard of an index."""
        state = self.client().cluster.state(metric="routing_table,nodes", index=index)
        [shards] = state["routing_table"]["indices"][index]["shards"].values()
        nodes = [shard["node"] for shard in shards if shard["primary"] and shard["state"] == "STARTED"]
        return str(state["nodes"][nodes[0]]["name"]) if nodes and nodes[0] in state["nodes"] else None

    def wait_until(self, index: str, status: str) -> None:
        """Wait for the health of an index."""
        self._wait(
            lambda: self.client().cluster.health(index=index)["status"] == status, f"{index} does not become {status}"
        )

    def wait_for_nodes(self, count: int) -> None:
        """Wait until so many nodes are there."""
        self._wait(lambda: _count_nodes(self.client()) == count, f"there are not {count} nodes")

    def _wait(self, check: Callable[[], bool], problem: str) -> None:
        wait_for(check, timeout_s=TIMEOUT_S, on_timeout=lambda: AssertionError(problem))


def _count_nodes(client: Elasticsearch) -> int:
    try:
        return int(client.cluster.health()["number_of_nodes"])
    except Exception:  # noqa: BLE001 - it starts
        return 0


@contextmanager
def elasticsearch_pair() -> Iterator[ElasticsearchPair]:
    """Give a cluster of two nodes that is up; it is thrown away."""
    config = load_config()
    user = find_service_user(config)
    master = Node("master", config, user, None, "master", "data", "ingest")
    pair = ElasticsearchPair(master, Node("data", config, user, master.transport, "data", "ingest"))
    try:
        pair.master.start()
        pair.data.start()
        pair.wait_for_nodes(2)
        yield pair
    finally:
        for node in (pair.data, pair.master):
            node.kill()
            shutil.rmtree(node.folder, ignore_errors=True)
