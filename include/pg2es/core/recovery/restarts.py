"""When a failed connector is restarted: with pauses that double, a number of times, then no more until somebody acts.

    failed ── restart ── 2 min ── restart ── 4 min ── restart ── … ── given up
              ▲                                                        │
              └───── after it has run for FORGET_S, or a manual ───────┘
                     deploy or restart, all tries are forgotten

Pure: who looks, and where the tries are kept from one look to the next, is not known here.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FORGET_S = 900
"""A connector that has run so long is healthy again: its next failure is a first one."""

LONGEST_PAUSE_S = 3600


class Step(StrEnum):
    """What is done about a failed connector."""

    RESTART = "restart"
    WAIT = "wait"
    GIVE_UP = "give_up"


@dataclass(frozen=True)
class Tries:
    """How often a connector was restarted, the last time at a Unix time; since when it runs, None while it does not.

    `cut_off`: a look was about to change it and got no answer, so that it may be stopped, which nobody has asked for.
    """

    count: int = 0
    last_at: float = 0
    running_since: float | None = None
    cut_off: bool = False

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Tries":
        """Return tries that were kept as JSON."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the tries as what is kept."""
        return asdict(self)

    def next_at(self, pause_s: float) -> float:
        """Return when the next restart is due: at once for the first, then after pauses that double."""
        if not self.count:
            return 0
        return self.last_at + min(pause_s * 2.0 ** (self.count - 1), LONGEST_PAUSE_S)


def decide(tries: Tries, now: float, *, pause_s: float, most: int) -> tuple[Step, Tries]:
    """Return what to do about a connector that has failed, and its tries with that."""
    failing = Tries(tries.count, tries.last_at)
    if tries.running_since is not None and now - tries.running_since >= FORGET_S:
        failing = Tries()
    if failing.count >= most:
        return Step.GIVE_UP, failing
    if now < failing.next_at(pause_s):
        return Step.WAIT, failing
    return Step.RESTART, Tries(failing.count + 1, now)


def note_running(tries: Tries, now: float) -> Tries | None:
    """Return the tries of a connector that runs; None when they are forgotten."""
    if not tries.count:
        return None
    since = now if tries.running_since is None else tries.running_since
    return None if now - since >= FORGET_S else Tries(tries.count, tries.last_at, since)
