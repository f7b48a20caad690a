"""The pace of a copy: slower when Elasticsearch does not take what it gets, faster again when it does."""

from dataclasses import dataclass, field

CALM_SLICES = 5
"""So many slices in a row that went well make it a step faster."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


@dataclass
class Pace:
    """How many slices may wait to be acknowledged while the next is read, at most `most`, and the pause before it."""

    most: int
    waiting: int = field(init=False)
    pause_s: float = field(init=False, default=0.0)
    _calm: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.waiting = self.most

    def slow_down(self) -> None:
        """Note a slice that was not taken: half as many wait, with twice the pause."""
        self.waiting //= 2
        self.pause_s = min(max(self.pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._calm = 0

    def went_well(self) -> None:
        """Note a slice that was taken at once."""
        self._calm += 1
        if self._calm >= CALM_SLICES:
            self._calm = 0
            self.waiting = min(self.waiting + 1, self.most)
            self.pause_s = self.pause_s / 2 if self.pause_s > _FIRST_PAUSE_S else 0.0
