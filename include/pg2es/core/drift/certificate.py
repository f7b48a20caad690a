"""A certificate: what was compared, when, up to which position, and with what result, for people who keep it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pg2es.core.drift.comparison import Comparison
from pg2es.core.drift.reconciliation import format_lsn

NAMED = 20
"""Documents of each kind of drift that are named on the page."""


@dataclass(frozen=True)
class Certificate:
    """One comparison of every document with its row, byte for byte.

    Everything that was committed before `lsn` is in it. `sides`: what was compared, as lines for people, by what they
    are about. `dead_letters`: records of the source that wait for a replay.
    """

    pipeline: str
    started: datetime
    ended: datetime
    lsn: int
    sides: Mapping[str, str]
    found: Comparison
    dead_letters: int

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.pipeline}-{self.started:%Y%m%dT%H%M%SZ}"

    @property
    def verdict(self) -> str:
        """The result, in a sentence."""
        found = self.found
        if found.clean:
            return f"Equal: each of {found.equal:,} documents is, byte for byte, what its row says."
        if found.drifted:
            return f"Not equal: {found.drifted:,} documents differ from their rows, {found.equal:,} are equal."
        if found.unreadable:
            return f"Not proven. {found.describe_unreadable()} The other {found.equal:,} are equal."
        return f"Not proven: {found.in_flight:,} documents kept changing, {found.equal:,} are equal. Run it again."

    def to_json(self) -> dict[str, Any]:
        """Return everything that it says."""
        return {
            "pipeline": self.pipeline,
            "equal": self.found.clean,
            "verdict": self.verdict,
            "started": self.started.isoformat(),
            "ended": self.ended.isoformat(),
            "lsn": format_lsn(self.lsn),
            "compared": dict(self.sides),
            "documents": {"equal": self.found.equal, **self._differing},
            "named": {kind.value: ids[:NAMED] for kind, ids in self.found.samples.items() if ids},
            "checksums": self._checksums,
            "dead_letters": self.dead_letters,
        }

    def to_markdown(self) -> str:
        """Return the page."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"# {self.pipeline}: Elasticsearch compared with PostgreSQL"
        yield ""
        yield f"**{self.verdict}**"
        yield ""
        yield from _table("Compared", self.sides)
        yield from _table(
            "When",
            {
                "begun": f"{self.started:%Y-%m-%d %H:%M:%S} UTC",
                "ended": f"{self.ended:%Y-%m-%d %H:%M:%S} UTC",
                "up to": f"WAL position {format_lsn(self.lsn)}: what was committed before it had gone through the "
                f"stream when documents were read",
            },
        )
        counts = {name: f"{count:,}" for name, count in self._differing.items()}
        yield from _table("Documents", {"equal": f"{self.found.equal:,}", **counts})
        for kind, ids in self.found.samples.items():
            if ids:
                yield f"- {kind.value}: {', '.join(map(_quote, ids[:NAMED]))}"
        yield f"Dead letters of the source that wait: {self.dead_letters:,}."
        yield ""
        yield from _table("Checksum", {side: f"`{checksum}`" for side, checksum in self._checksums.items()})
        yield "The checksum is the sum of SHA-256(id, zero byte, bytes of `_source`) over all documents, modulo 2²⁵⁶."

    @property
    def _differing(self) -> dict[str, int]:
        counts = {kind.value: count for kind, count in self.found.counts.items()}
        rest = {"unjudged": self.found.unjudged, "unreadable": len(self.found.unreadable)}
        return {**counts, **rest, "in flight": self.found.in_flight}

    @property
    def _checksums(self) -> dict[str, str]:
        sums = self.found.checksums
        return {"PostgreSQL": str(sums.postgres), "Elasticsearch": str(sums.elasticsearch)} if sums else {}


def _quote(identifier: str) -> str:
    """Return an id as Markdown shows it, whatever is in it."""
    quoted = json.dumps(identifier, ensure_ascii=False)[1:-1].replace("`", r"\u0060")
    return f"`{quoted}`"


def _table(heading: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f"| {heading} | |"
    yield "|---|---|"
    for name, value in rows.items():
        yield f"| {name} | {value.replace('|', '&#124;')} |"
    yield ""
