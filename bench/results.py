"""Results: a flat object, name → {value, unit, target, better}."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FILE = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True)
class Result:
    """One measurement. `target` None: nothing is promised, the number is worth watching."""

    value: float
    unit: str
    target: float | None
    better: Literal["higher", "lower"]

    def is_worse(self, other: "Result", factor: float) -> bool:
        """Return whether this is worse than another measurement of the same, by more than a factor."""
        return self.value * factor < other.value if self.better == "higher" else self.value > other.value * factor


def load() -> dict[str, Result]:
    """Return what is recorded, by name."""
    return {name: Result(**found) for name, found in json.loads(FILE.read_text()).items()}


def save(results: dict[str, Result]) -> None:
    """Record the results over those of the same names; others stay."""
    known = {name: asdict(result) for name, result in (load() | results).items()}
    FILE.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
