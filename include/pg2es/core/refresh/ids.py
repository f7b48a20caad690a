"""Document ids that Elasticsearch cannot hold: for one of them it refuses a whole request."""

from typing import NamedTuple

MAX_ID_BYTES = 512
"""Of Elasticsearch."""


class IdProblem(NamedTuple):
    """Why Elasticsearch cannot hold an id: the kind of error in a word, as dead letters have it, and a sentence."""

    kind: str
    reason: str


def find_id_problem(identifier: str) -> IdProblem | None:
    """Return what is wrong with an id, None for one that Elasticsearch takes."""
    size = len(identifier.encode())
    if size > MAX_ID_BYTES:
        reason = f"the document id has {size:,} bytes, Elasticsearch takes {MAX_ID_BYTES}; choose another `key`"
        return IdProblem("id_too_long", reason)
    if size == 0:
        return IdProblem(
            "id_empty", "the document id is empty, which Elasticsearch does not take; choose another `key`"
        )
    return None
