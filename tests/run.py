"""Runs the tests on stacks of their own: `python -m tests.run [--all]`.

    lint, types, unit tests, JUnit                                    ─┐
    start of two stacks, then integration, DAG and fault tests on them ├▶  where the time went
    start of a third with Airflow, then end-to-end tests,             ─┘
    then what starts further servers: bare Airflows, other versions

What is marked `long` runs with `--all` only, the table of faults by `python -m tests.faults`. Each part writes to
`.stack/test/report/`, and what it printed is shown when it is over.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import environ

import yaml
from rich.console import Console

from stack.config import CHECKOUT
from tests import lanes, slowest

REPORTS = lanes.DATA / "report"
COPIED = ("platform.yaml", "sources", "pipelines", "documents", "mappings")
PYTHON = sys.executable
STACK = [PYTHON, "-m", "stack"]
AIRFLOW_TESTS = ["tests/e2e"]
BARE_TESTS = ["tests/integration", "tests/dags", "tests/faults"]
OWN_SERVERS_TESTS = ["tests/package", "tests/versions"]

_out = Console(highlight=False, soft_wrap=True)
_printing = threading.Lock()
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Part:
    """A command of the run, with variables of its own."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> bool:
        """Run it, show what it printed, and return whether it succeeded."""
        started = time.monotonic()
        output = REPORTS / f"{self.name}.log"
        with output.open("w") as log:
            environment = environ | self.variables
            process = subprocess.Popen(
                self.command, cwd=CHECKOUT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            _started.append(process)
            passed = process.wait() == 0
        with _printing:
            _out.rule(f"{self.name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.0f} s")
            sys.stdout.write(output.read_text(errors="replace"))
            sys.stdout.flush()
        return passed


def end_parts(*_: object) -> None:
    """End what runs and the run with it, when somebody sends SIGTERM or SIGINT."""
    for process in _started:
        process.terminate()  # one that has ended is left alone
    raise KeyboardInterrupt


def pytest_part(name: str, tests: Sequence[str], *options: str, variables: Mapping[str, str] | None = None) -> Part:
    """Return a run of pytest that writes a JUnit report."""
    return Part(
        name, [PYTHON, "-m", "pytest", *tests, f"--junitxml={REPORTS / f'{name}.xml'}", "-v", *options], variables or {}
    )


def start_bare_stack(lane: int) -> Part:
    """Return what starts a stack without Airflow."""
    return Part(f"stack-{lane}", [*STACK, "up", *lanes.BARE_SERVICES], lanes.variables(lane))


def spread_part(name: str, tests: Sequence[str], stacks: int, *options: str) -> list[Part]:
    """Return what starts so many stacks without Airflow and spreads a run of pytest over them."""
    starts = [start_bare_stack(lane) for lane in range(1, 1 + stacks)]
    return [*starts, pytest_part(name, tests, "--numprocesses", str(stacks), *options)]


def make_chains(*, everything: bool) -> list[list[Part]]:
    """Return what runs at the same time; the parts of a chain run one after the other, until one fails."""
    chosen = ("-m", "not faults and not soak" if everything else "not long and not faults and not soak")
    by_module = ("--dist", "loadfile", "--no-loadscope-reorder")
    airflow = lanes.variables(lanes.AIRFLOW) | {"PG2ES_CONFIG": str(lanes.config_folder(lanes.AIRFLOW))}
    return [
        # Behind the stacks: they take longest, and wait more than they work.
        [Part("check", ["nice", "-n", "10", "make", "--no-print-directory", "check"])],
        spread_part("servers", BARE_TESTS, lanes.BARE, *by_module, *chosen),
        [
            Part(f"stack-{lanes.AIRFLOW}", [*STACK, "up"], airflow),
            pytest_part("e2e", AIRFLOW_TESTS, *chosen, variables=airflow),
            pytest_part("own-servers", OWN_SERVERS_TESTS, *chosen, variables=lanes.variables(lanes.AIRFLOW)),
        ],
    ]


def run_chains(chains: Sequence[Sequence[Part]]) -> bool:
    """Run chains at the same time and return whether every part succeeded."""
    with ThreadPoolExecutor(len(chains)) as pool:
        return all(list(pool.map(lambda chain: all(part.run() for part in chain), chains)))


def prepare_folders() -> None:
    """Make the folder of the reports, and the copy of the configuration that tests change."""
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    # Passwords will lie beside the copy: the folder is closed to others.
    lanes.folder(lanes.AIRFLOW).mkdir(mode=0o700, exist_ok=True)
    copy = lanes.config_folder(lanes.AIRFLOW)
    copy.mkdir()
    for name in COPIED:
        source = CHECKOUT / "include" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    # By their schedules, the monitor and mending would take CPU from tests that are about something else; so does a
    # source that looks for changes fifty times a second.
    platform = yaml.safe_load((copy / "platform.yaml").read_text())
    platform["connect"]["mend_every_min"] = None
    changed = {
        "platform.yaml": platform | {"monitor": {"every_s": None}},
        "sources/shop.yaml": yaml.safe_load((copy / "sources" / "shop.yaml").read_text())
        | {"debezium": {"poll.interval.ms": 200}},
    }
    for name, content in changed.items():
        (copy / name).write_text(yaml.safe_dump(content))


@contextmanager
def stopped_stacks() -> Iterator[None]:
    """Remove what an earlier run has left, and stop the stacks at the end, whatever the end is."""
    lanes.on_each("clean")
    try:
        yield
    finally:
        lanes.on_each("down")


def main() -> int:
    """Run everything and return the exit status."""
    parser = argparse.ArgumentParser(description="Runs the tests.")
    parser.add_argument("--all", action="store_true", help="also what is marked `long`")
    return run(make_chains(everything=parser.parse_args().all))


def run(chains: Sequence[Sequence[Part]]) -> int:
    """Run chains on stacks that are there for them alone, say where the time went, and return the exit status."""
    signal.signal(signal.SIGTERM, end_parts)
    signal.signal(signal.SIGINT, end_parts)
    started = time.monotonic()
    with stopped_stacks():
        prepare_folders()
        passed = run_chains(chains)
    slowest.show_reports(sorted(REPORTS.glob("*.xml")), _out)
    _out.rule(f"all of it: {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.0f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
