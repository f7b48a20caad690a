"""docs/reliability.md, written from the JUnit report of the table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from stack.config import CHECKOUT
from tests.faults.catalogue import FAULTS
from tests.faults.cell import CELLS
from tests.faults.phases import PHASES

PAGE = CHECKOUT / "docs" / "reliability.md"
HEAD = """\
# Faults, and what became of them

Written by `make faults`, which lets each fault strike in the midst of each kind of work, on real servers, while writers
change rows and write down, outside PostgreSQL, what was acknowledged to them. Afterwards every row has to be what was
acknowledged, every document what its row says, byte for byte and judged by code that shares nothing with pg2es; no
deleted row may be back, and no dead letter may wait. A cell has the seconds from the end of the fault until everything
that had been committed was searchable.
"""
AGAIN = "¹"
ELSEWHERE = {
    "a standby is promoted while writers go on, with and without `synchronized_standby_slots`": (
        "faults/test_promotion_under_fire.py"
    ),
    "a standby is promoted, and Airflow's DAGs adopt it without a hand": "dags/test_promotion_runs.py",
    "Airflow's scheduler, metadata database, API server, triggerer or DAG processor dies amid a backfill": (
        "e2e/test_airflow_dies.py"
    ),
    "a task is killed at each step of a reindex": "e2e/test_reindex_crashes.py",
    "servers are away for 20 s and longer; another worker takes over": "faults/test_outages.py",
    "an Elasticsearch of two nodes loses the one with the primary shard": "faults/test_primary_shard_lost.py",
    "an index is restored from a snapshot": "integration/test_restored_index.py",
    "two jobs of any kind at once": "integration/test_pairs_of_jobs.py",
    "the disk of a task, or of who runs the command, is full": "integration/test_full_disk.py",
}
"""What is no cell, and the test that shows it."""
TAIL = """
Airflow that is gone altogether is every cell of the table: there is none on those stacks. A server whose clock is moved
is started anew an hour later by its own clock, and after 20 s once more, so that its clock goes an hour back; that of
Elasticsearch, which tells nobody a time, was not moved.
"""


@dataclass(frozen=True)
class Cell:
    """What was found in a cell; no `seconds`: it failed."""

    seconds: str | None
    failed_runs: str = ""
    commits: int = 0
    documents: int = 0

    def __str__(self) -> str:
        return f"{float(self.seconds):.1f}{AGAIN if self.failed_runs else ''}" if self.seconds else "**failed**"


Cells = dict[tuple[str, str], Cell]


def read(reports: Iterable[Path]) -> Cells:
    """Return the cells that reports tell of."""
    cells: Cells = {}
    for report in reports:
        for case in ET.parse(report).iter("testcase"):
            if "test_table" not in case.get("classname", ""):
                continue
            found = {each.get("name"): each.get("value", "") for each in case.iter("property")}
            fault, phase = case.get("name", "").partition("[")[2].removesuffix("]").rsplit("-", 1)
            seconds = found.get("seconds") if case.find("failure") is None and case.find("error") is None else None
            cells[fault, phase] = Cell(
                seconds,
                found.get("failed_runs", ""),
                int(found.get("commits") or 0),
                int(found.get("documents") or 0),
            )
    return cells


def describe(cells: Cells) -> Iterator[str]:
    """Give the lines of the page."""
    yield HEAD
    yield f"| fault | {' | '.join(PHASES)} |"
    yield f"|---|{'---|' * len(PHASES)}"
    for fault, about in FAULTS.items():
        hand = " ²" if about.hand else ""
        lasts = f", {about.lasts_s:.0f} s" if about.lasts_s else ""
        found = (
            str(cells.get((fault, phase), "open")) if (about, model) in CELLS else "" for phase, model in PHASES.items()
        )
        yield f"| {fault}{lasts}{hand} | {' | '.join(found)} |"
    commits = sum(cell.commits for cell in cells.values())
    documents = sum(cell.documents for cell in cells.values())
    yield ""
    yield f"{len(cells)} cells, {commits:,} acknowledged transactions, {documents:,} documents compared."
    if len(cells) < len(CELLS):
        yield "What is open was not run."
    yield ""
    yield f"{AGAIN} The command failed with a sentence and was started again, as Airflow does with a task that fails."
    yield "² Somebody has to run `pg2es recover`, or the DAG of that name; everything else needs no hand."
    yield ""
    yield "What is no cell, and the test that shows it:"
    yield ""
    yield "| fault | in `tests/` |"
    yield "|---|---|"
    for fault, test in ELSEWHERE.items():
        yield f"| {fault} | `{test}` |"
    yield TAIL


def write(reports: Iterable[Path]) -> None:
    """Write the page."""
    PAGE.write_text("\n".join(describe(read(reports))), encoding="utf-8")
