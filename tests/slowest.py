"""Where the time of a test run goes: `python -m tests.slowest REPORT…` reads JUnit reports and prints it.

One table of the slowest tests and fixtures, one of the modules. The time of a test is that of its body: fixtures are
told by themselves (`tests/durations.py`).
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

SHOWN = 25
TIMED = ("setup ", "teardown ")
"""What the names of fixtures begin with."""


def read(reports: Iterable[Path]) -> tuple[dict[str, float], dict[str, float]]:
    """Return seconds by test or fixture, and seconds by module."""
    parts: dict[str, float] = defaultdict(float)
    modules: dict[str, float] = defaultdict(float)
    for report in reports:
        for case in ET.parse(report).iter("testcase"):
            module = case.get("classname", "")
            total = float(case.get("time", 0))
            modules[module] += total
            fixtures = (found for found in case.iter("property") if found.get("name", "").startswith(TIMED))
            for fixture in fixtures:
                seconds = float(fixture.get("value", 0))
                parts[f"{module}: {fixture.get('name')}"] += seconds
                total -= seconds
            parts[f"{module}::{case.get('name')}"] += total
    return parts, modules


def show(title: str, seconds: dict[str, float], console: Console) -> None:
    """Print the largest entries of a table."""
    table = Table("seconds", title, box=None)
    table.columns[0].justify = "right"
    for name, value in sorted(seconds.items(), key=lambda item: -item[1])[:SHOWN]:
        table.add_row(f"{value:.1f}", name)
    console.print(table)


def show_reports(reports: Iterable[Path], console: Console) -> None:
    """Print where the time of these reports went."""
    parts, modules = read(reports)
    show(f"the {SHOWN} slowest tests and fixtures", parts, console)
    show(f"the {SHOWN} slowest modules, of {len(modules)} that took {sum(modules.values()):.0f} s", modules, console)


if __name__ == "__main__":
    show_reports(map(Path, sys.argv[1:]), Console(highlight=False, width=140))
