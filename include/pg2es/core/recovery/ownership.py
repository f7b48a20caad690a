"""What shows that a publication, and the slot that goes with it, are this installation's: a comment on the publication.

A name shows nothing: another installation on the same database has names that begin as ours do.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class OwnerMark:
    """Which installation made a publication, and for which slot."""

    installation: str
    slot: str

    def to_comment(self) -> str:
        """Return the mark as the comment on a publication."""
        return json.dumps({"pg2es": asdict(self)})

    @classmethod
    def from_comment(cls, comment: str) -> "OwnerMark | None":
        """Return the mark that a comment is, None when it says something else."""
        try:
            return cls(**json.loads(comment)["pg2es"])
        except (ValueError, KeyError, TypeError):
            return None


def installation_id(kafka_cluster: str, connect_urls: Iterable[str]) -> str:
    """Return what tells an installation from others: its Kafka, and the workers of Kafka Connect that it asks.

    Workers at other addresses make it another one, whose leftovers then have to be removed by hand.
    """
    return hashlib.sha256(json.dumps([kafka_cluster, sorted(connect_urls)]).encode()).hexdigest()[:16]
