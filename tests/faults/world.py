"""The world that faults strike: notes with their authors, streamed into an index, and what has to hold afterwards."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import yaml
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from pg2es.adapters import kafka
from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import ConnectorError, TransientError
from pg2es.core.generations import sink_connector
from pg2es.core.recovery import Tries
from pg2es.services import recovery
from pg2es.services.clients import Clients
from pg2es.services.drift import compare
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from stack.config import load_config
from tests import oracle
from tests.faults.ledger import SCHEMA, Ledger
from tests.integration.batch import run_backfill
from tests.support import CHECKOUT, Database, ProjectFolder

PATIENCE_S = 240
MEND_EVERY_S = 2
PIPELINE = "notes"
PG2ES = [sys.executable, "-c", "from pg2es.cli.main import main; main()"]
DOCUMENT = (
    "SELECT root.id, root.title, root.body, a.name AS author FROM root JOIN public.authors a ON a.id = root.author_id"
)
ROOTS = "SELECT n.id FROM public.notes n JOIN changed ON n.author_id = changed.id"


@dataclass
class World:
    """A pipeline that is filled and streamed."""

    folder: ProjectFolder
    database: Database

    def __post_init__(self) -> None:
        self.database.execute(*SCHEMA)
        connect = yaml.safe_load((self.folder.folder / "platform.yaml").read_text(encoding="utf-8"))["connect"]
        # What has failed is restarted again and again, without the pauses that people would want.
        hurry = {"max_restarts": 100, "mend_every_min": MEND_EVERY_S / 60}
        self.folder.change("platform.yaml", connect=connect | hurry)
        self.folder.add_pipeline(
            PIPELINE,
            "public.notes",
            document=DOCUMENT,
            related=[{"table": "public.authors", "roots_sql": ROOTS}],
            # Several requests of several slices are on their way when a fault strikes.
            stream={"spread_roots": 1_000, "batch_roots": 200, "bulk_flights": 3},
            backfill={"chunks": 4},
        )
        run_backfill(self.clients, self.pipeline)

    @cached_property
    def clients(self) -> Clients:
        """Clients of the servers."""
        return self.folder.clients()

    @property
    def pipeline(self) -> Pipeline:
        return self.clients.project.pipeline(PIPELINE)

    @property
    def source(self) -> Source:
        return self.clients.project.source_of(self.pipeline)

    @property
    def live(self) -> Generation:
        """The generation that searches find."""
        return require_live_generation(self.clients.elasticsearch, self.pipeline)

    @property
    def sink(self) -> str:
        """The sink of that generation."""
        return sink_connector(self.live.index)

    def worker_of(self, connector: str) -> str:
        """Return the service of the stack that runs a connector's task."""
        [address] = wait_for(
            lambda: {part.worker for part in self.clients.connect.read_parts(connector) if part.task is not None},
            timeout_s=PATIENCE_S,
            on_timeout=lambda: AssertionError(f"no worker has {connector}"),
        )
        return load_config().worker_at(address)

    def start(self, *arguments: str) -> "Job":
        """Start the command `pg2es` in a process of its own."""
        return Job(self.folder, arguments)

    @contextmanager
    def mended(self) -> Iterator["Keeper"]:
        """Look at the connectors all the time, as the DAG connectors does every two minutes."""
        keeper = Keeper(self)
        with ThreadPoolExecutor(1, thread_name_prefix="keeper") as pool:
            looking = pool.submit(keeper.run)
            try:
                yield keeper
            finally:
                keeper.end()
        looking.result()

    def settle(self) -> float:
        """Return the seconds until everything committed before this call is searchable."""
        started = time.monotonic()
        for attempt in Retrying(
            retry=retry_if_exception_type((TransientError, ConnectorError)),  # what failed is restarted, by the keeper
            wait=wait_fixed(0.5),
            stop=stop_after_delay(PATIENCE_S),
            reraise=True,
        ):
            with attempt:
                pass_barrier(self.clients, self.pipeline, self.live, PATIENCE_S)
        return round(time.monotonic() - started, 1)

    def check(self, ledger: Ledger) -> int:
        """Fail unless rows and documents are what was acknowledged, and each other's; return how many there are."""
        rows = self.database.fetch("SELECT id, title FROM public.notes")
        ledger.check("notes", dict(rows))
        # Each phase `spread` has put a dot behind all names, of which the ledger knows nothing.
        ledger.check("authors", dict(self.database.fetch("SELECT id, rtrim(name, '.') FROM public.authors")))
        live = self.live
        documents = oracle.check(self.clients, self.pipeline, live)
        ledger.check("notes", {int(name): document["title"] for name, document in documents.items()})
        found = compare(self.clients, self.pipeline, live)
        assert found.clean, str(found)
        assert self.dead_letters() == 0
        return len(documents)

    def dead_letters(self) -> int:
        """Return how many dead letters wait."""
        return kafka.count_open(self.clients.kafka, self.source.dead_letter_topic, self.source.replay_group)


class Job:
    """A command `pg2es …` that runs; whoever waits for its success starts it again when it fails."""

    def __init__(self, folder: ProjectFolder, arguments: tuple[str, ...]) -> None:
        self.arguments = arguments
        self._command = [*PG2ES, "--config", str(folder.folder), *arguments]
        self._folder = folder
        self.said: list[str] = []
        """What failed runs ended with."""
        self.process = self._spawn()

    @property
    def runs(self) -> bool:
        """Whether it goes on."""
        return self.process.poll() is None

    def finish(self, timeout_s: float = PATIENCE_S) -> None:
        """Return when it has succeeded; it is started again when it has failed, as Airflow does with a task."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                out, err = self.process.communicate(timeout=deadline - time.monotonic())
            except subprocess.TimeoutExpired:
                self.process.kill()
                out, err = self.process.communicate()
                raise AssertionError(f"{self} hangs: {out} {err}; before: {self.said}") from None
            if self.process.returncode == 0:
                return
            self.said.append(f"{self.process.returncode}: {(err or out).strip()[-300:]}")
            assert "Traceback" not in err, err
            threading.Event().wait(1)
            self.process = self._spawn()

    def end(self) -> None:
        """Kill it, if it goes on."""
        self.process.kill()
        self.process.communicate()

    def _spawn(self) -> subprocess.Popen[str]:
        paths = os.pathsep.join(str(CHECKOUT / name) for name in ("include", "plugins"))
        return subprocess.Popen(
            self._command,
            env=os.environ | {"PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __str__(self) -> str:
        return f"pg2es {' '.join(self.arguments)}"


class Keeper:
    """Mends the connectors of a source again and again, and remembers what it did."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over = threading.Event()
        self.done: list[str] = []
        self.problems: list[str] = []
        """What the last look could not mend."""
        self.held = threading.Lock()
        """Whoever has it lets nothing be touched, as while the DAG recover_<source> runs."""

    def run(self) -> None:
        """Look until it is over."""
        tries: dict[str, Tries] = {}
        clients = self._world.folder.clients()
        while not self._over.wait(MEND_EVERY_S):
            with self.held:
                found = recovery.mend(clients, self._world.source, tries, time.time())
                tries, self.problems = found.tries, found.problems
                self.done += found.done

    def end(self) -> None:
        """Let the look that goes on be the last one."""
        self._over.set()
