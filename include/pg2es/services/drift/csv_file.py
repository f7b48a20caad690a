"""The list of everything that differed, as a file for people and for other programs."""

from typing import TextIO

from pg2es.core.drift import Reconciliation


def write_drift(file: TextIO, done: Reconciliation) -> None:
    """Write CSV, a line for each document: kind of drift, id, and whether it still differs."""
    import pandas as pd  # nobody else needs it, and it takes longer to load than all the rest

    left = {identifier for ids in (done.left or done.found).ids.values() for identifier in ids}
    rows = [(kind.value, identifier, identifier in left) for kind, ids in done.found.ids.items() for identifier in ids]
    pd.DataFrame(rows, columns=["kind", "id", "differs"]).to_csv(file, index=False)
