"""A table `parts` that is streamed into an index, what the monitor sees of it, and ways to harm its slot."""

from collections.abc import Callable
from typing import Any

from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import Breach, ConnectorStatus, Kind, judge
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.monitoring import look
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from tests.integration.batch import check_equal, run_backfill
from tests.support import Database, ProjectFolder, ask_each_worker, drop_slot

ROWS = 100
FAILOVER_SLOTS = 170_000
"""The server from which on slots have `failover`."""


class Streamed:
    """Pipeline `parts`, filled and streamed."""

    def __init__(self, folder: ProjectFolder, database: Database, **keys: Any) -> None:
        self.folder = folder
        self.database = database
        database.execute(
            "CREATE TABLE public.parts (id bigint PRIMARY KEY, number text)",
            f"INSERT INTO public.parts SELECT n, n::text FROM generate_series(1, {ROWS}) n",
        )
        self.pipeline = folder.add_pipeline("parts", "public.parts", **keys)
        self.source = folder.source_model()
        run_backfill(self.clients, self.pipeline)

    @property
    def clients(self) -> Clients:
        """Clients for the files as they are now."""
        return self.folder.clients()

    @property
    def live(self) -> Generation:
        """The generation that searches find."""
        return require_live_generation(self.clients.elasticsearch, self.pipeline)

    @property
    def sink(self) -> str:
        """The sink of the live generation."""
        return sink_connector(self.live.index)

    def change(self, number: str) -> None:
        """Change every row."""
        self.database.execute(f"UPDATE public.parts SET number = '{number}'")

    def check_equal(self, documents: int = ROWS) -> None:
        """Fail unless the stream goes through and every document equals its row."""
        pass_barrier(self.clients, self.pipeline, self.live)
        check_equal(self.clients, self.pipeline, documents)

    def versions(self) -> dict[str, int]:
        """Return the version of each document that a search finds, by id."""
        self.clients.elasticsearch.indices.refresh(index=self.live.index)
        found = self.clients.elasticsearch.search(index=self.live.index, size=10 * ROWS, version=True, source=False)
        return {hit["_id"]: hit["_version"] for hit in found["hits"]["hits"]}

    def breaches(self) -> dict[Kind, Breach]:
        """Return what is wrong."""
        return {found.kind: found for found in judge(self.clients.project, look(self.clients))}

    def status(self, name: str) -> ConnectorStatus | None:
        """Return the state of a connector."""
        return self.clients.connect.status(name)

    def wait_until(self, check: Callable[[], object], timeout_s: float = 90) -> None:
        """Wait for a condition."""
        wait_for(check, timeout_s=timeout_s, on_timeout=lambda: AssertionError(f"{look(self.clients)}"))

    def wait_until_failed(self, name: str) -> None:
        """Wait until a task of a connector has failed."""
        self.wait_until(lambda: (found := self.status(name)) is not None and found.failed)

    def wait_until_stopped(self, name: str) -> None:
        """Wait until a connector is stopped and has no tasks, whichever worker is asked."""
        self.wait_until(
            lambda: all(s and s.state == "STOPPED" and not s.tasks for s in ask_each_worker(self.clients.connect, name))
        )

    @property
    def made_slot(self) -> tuple[str, bool]:
        """The slot as pg2es makes it: for failover, on servers that have that."""
        [(version,)] = self.database.fetch("SELECT current_setting('server_version_num')::int")
        return self.source.slot, version >= FAILOVER_SLOTS

    def slots(self) -> list[tuple[str, bool]]:
        """Return name and `failover` of the slots of the database; before PostgreSQL 17 no slot has it."""
        return [
            (name, failover)
            for name, failover in self.database.fetch(
                "SELECT slot_name, coalesce((to_jsonb(s) ->> 'failover')::boolean, false) FROM pg_replication_slots s"
                " WHERE database = current_database()"
            )
        ]

    def drop_slot(self, *then: str) -> None:
        """End whoever reads the slot and drop it before anybody comes back, then run statements at once."""
        drop_slot(self.database, self.source.slot, *then)
