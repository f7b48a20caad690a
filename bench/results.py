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


def save(results: dict[str, Result]) -> None:
    """Write the results over those of the same names; others stay."""
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    known |= {name: asdict(result) for name, result in results.items()}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
