"""What a preflight finds: each a sentence about one place, and what mends it."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # it will not work, or changes will be missed
    WARNING = "warning"  # it works, but slowly, or documents may differ for a while
    INFO = "info"  # good to know


@dataclass(frozen=True)
class Finding:
    """One finding. `where` is a file and key, a table, or a server; `mend` a statement or an action, "" for none."""

    severity: Severity
    where: str
    sentence: str
    mend: str = ""

    @property
    def advice(self) -> str:
        """The sentence, and what to do."""
        return f"{self.sentence} {self.mend}".strip()

    def __str__(self) -> str:
        return f"{self.where}: {self.advice}"


T = TypeVar("T")
Checking = Generator[Finding, None, T]
"""A check: it gives findings, and returns what it found that later checks go on with."""


def error(where: str, sentence: str, mend: str = "") -> Finding:
    """Return a finding without whose mend the pipeline does not work, or misses changes."""
    return Finding(Severity.ERROR, where, sentence, mend)


def warning(where: str, sentence: str, mend: str = "") -> Finding:
    """Return a finding that makes the pipeline slow or its documents differ for a while."""
    return Finding(Severity.WARNING, where, sentence, mend)


def info(where: str, sentence: str, mend: str = "") -> Finding:
    """Return a finding that is good to know."""
    return Finding(Severity.INFO, where, sentence, mend)


def count_errors(findings: Iterable[Finding]) -> int:
    """Return how many of the findings are errors."""
    return sum(finding.severity is Severity.ERROR for finding in findings)
