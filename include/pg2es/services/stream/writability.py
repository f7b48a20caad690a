"""Whether the application can still write to a table once it is published.

PostgreSQL refuses UPDATE and DELETE on a published table whose old rows it cannot log: a table without a replica
identity, or with one that takes in a column which is not published. Nothing is published before this is clear.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pg2es.adapters.postgres import Session, read_stored, read_table
from pg2es.core.sql import publications, remedies
from pg2es.core.table import ReplicaIdentity, Table


class WriteProblem(NamedTuple):
    """Why UPDATE and DELETE on a relation would fail, as a sentence, and what mends it."""

    relation: str
    sentence: str
    mend: str

    def __str__(self) -> str:
        return f"{self.relation}: {self.sentence} {self.mend}"


def find_write_problems(session: Session, name: str) -> Iterator[WriteProblem]:
    """Give what would fail after table `name` is published; the relation that stores a row decides, so each partition.

    Raises CatalogError when the table is not there.
    """
    for relation in read_stored(session, read_table(session, name)):
        if reason := _missing_identity(relation):
            yield WriteProblem(
                relation.name,
                f"UPDATE and DELETE would fail once it is published: it has no replica identity, because {reason}.",
                f"{remedies.log_old_rows(relation.name)};",
            )
        elif relation.replica_identity is ReplicaIdentity.FULL and (
            virtual := unpublishable_when_full(session, relation)
        ):
            yield WriteProblem(
                relation.name,
                f"UPDATE and DELETE would fail once it is published: its replica identity is FULL, which takes in "
                f"{', '.join(virtual)}, and virtual generated columns cannot be published.",
                f"Make them STORED, or name a unique index: {remedies.log_by_some_index(relation.name)};",
            )


def unpublishable_when_full(session: Session, relation: Table) -> tuple[str, ...]:
    """Return the columns for which writes fail where old rows are logged in full: they cannot be published."""
    return relation.virtual_columns if publications.publishes_generated(session.info.server_version) else ()


def _missing_identity(relation: Table) -> str:
    """Return why the relation has no replica identity; nothing when it has one."""
    if relation.replica_identity is ReplicaIdentity.FULL or relation.identity_columns:
        return ""
    if relation.replica_identity is ReplicaIdentity.NOTHING:
        return "it is set to NOTHING"
    if relation.replica_identity is ReplicaIdentity.INDEX:
        return "the index that it names is gone"
    return "its primary key is deferrable" if relation.primary_key else "it has no primary key"
