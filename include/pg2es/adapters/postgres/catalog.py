"""What the PostgreSQL catalog says about tables."""

from pg2es.adapters.postgres.session import Session, fetch_one
from pg2es.core.backfill import Relation
from pg2es.core.errors import CatalogError
from pg2es.core.sql import catalog, quote_table
from pg2es.core.table import Column, Generated, ReplicaIdentity, Table


def read_table(session: Session, name: str) -> Table:
    """Return the table `schema.table`.

    Raises CatalogError when there is none, it is no ordinary or partitioned table, others inherit from it, or a
    partition is a foreign table.
    """
    row = session.execute(catalog.TABLE, [quote_table(name)]).fetchone()
    if row is None:
        info = session.info
        raise CatalogError(
            f"Database {info.dbname} has no table {name}, or user {info.user} may not see it. "
            f"Correct the name in the pipeline file, or grant USAGE on its schema."
        )
    kind, identity, columns, primary_key, identity_columns, heirs, foreign = row
    if kind not in ("r", "p"):
        raise CatalogError(f"{name} is no table; only tables have change events. Name the table behind it.")
    if heirs:
        raise CatalogError(
            f"Other tables inherit from {name} ({', '.join(heirs)}): it shows their rows, but their changes are no "
            f"events of it. Partition it instead (PARTITION BY), or let each table have a pipeline of its own."
        )
    if foreign:
        raise CatalogError(
            f"Partitions of {name} are foreign tables ({', '.join(foreign)}): their changes are in another server's "
            f"WAL. Detach them, or let each have a source and a pipeline of its own."
        )
    return Table(
        name=name,
        columns=tuple(Column(n, t, nn, Generated(g), d, has, *base) for n, t, nn, g, d, has, base in columns),
        primary_key=tuple(primary_key or ()),
        replica_identity=ReplicaIdentity(identity),
        identity_columns=tuple(identity_columns or ()),
    )


def read_relations(session: Session, table: str) -> list[Relation]:
    """Return the relations that store the table's rows: itself, or its partitions."""
    return [Relation(*row) for row in session.execute(catalog.RELATIONS, [quote_table(table)])]


def read_stored(session: Session, table: Table) -> list[Table]:
    """Return the tables that store the rows: the table itself, or its partitions."""
    return [
        table if relation.name == table.name else read_table(session, relation.name)
        for relation in read_relations(session, table.name)
    ]


def read_filenode(session: Session, relation: str) -> int | None:
    """Return the file that holds the relation now; None when the relation is gone."""
    filenode: int | None = fetch_one(session, catalog.FILENODE, quote_table(relation))[0]
    return filenode
