"""What the catalog says about a table, as far as documents, keys and events need it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pg2es.core.errors import CatalogError


class ReplicaIdentity(StrEnum):
    """What the old row of an update or delete event holds (`pg_class.relreplident`)."""

    DEFAULT = "d"
    NOTHING = "n"
    FULL = "f"
    INDEX = "i"


class Generated(StrEnum):
    """How the value of a column comes about (`pg_attribute.attgenerated`)."""

    NEVER = ""
    STORED = "s"
    VIRTUAL = "v"


@dataclass(frozen=True)
class Column:
    """One column: its name and its type as `format_type` writes it.

    `deterministic`: texts that are equal are the same bytes, which some collations do not say. `stored_type`: of a
    domain the type that it is made of, else the type itself; `enum` tells whether that one is an enum. `has_default`:
    what an INSERT leaves out is not NULL.
    """

    name: str
    type: str
    not_null: bool
    generated: Generated = Generated.NEVER
    deterministic: bool = True
    has_default: bool = False
    stored_type: str = ""
    enum: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stored_type", self.stored_type or self.type)

    @property
    def base_type(self) -> str:
        """The stored type without its modifier, `timestamp with time zone` of `timestamp(3) with time zone`."""
        return re.sub(r"\(.*?\)", "", self.stored_type)

    @property
    def in_events(self) -> bool:
        """Whether change events carry a value of the column as a text that PostgreSQL reads as the same value."""
        return self.enum or self.base_type.rpartition(".")[2] in EVENT_TYPES

    def writes_like(self, other: "Column") -> bool:
        """Whether equal values of both columns have the same text."""
        alike = ({"smallint", "integer", "bigint"}, {"text", "character varying"})
        return self.stored_type == other.stored_type or any(
            {self.base_type, other.base_type} <= types for types in alike
        )


@dataclass(frozen=True)
class Table:
    """One table. `identity_columns` are those that old rows carry when the identity is DEFAULT or INDEX."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    replica_identity: ReplicaIdentity
    identity_columns: tuple[str, ...]

    def column(self, name: str) -> Column:
        """Return the column; CatalogError with the table's columns when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        raise CatalogError(f"Table {self.name} has no column {name}; it has {known}.")

    @property
    def virtual_columns(self) -> tuple[str, ...]:
        """Names of the generated columns that are not stored: nothing can publish them."""
        return tuple(column.name for column in self.columns if column.generated is Generated.VIRTUAL)

    def old_row_has(self, columns: tuple[str, ...]) -> bool:
        """Whether events carry the old values of all these columns."""
        return self.replica_identity is ReplicaIdentity.FULL or set(columns) <= set(self.identity_columns)


@dataclass(frozen=True)
class Key:
    """The columns that identify a root, with their types."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the key columns, in order."""
        return tuple(column.name for column in self.columns)


# Types whose equal values have the same text, so that a key read from an event finds its row.
KEY_TYPES = (
    "smallint", "integer", "bigint", "numeric", "text", "character varying", "uuid", "boolean", "date", "oid",
    "timestamp without time zone", "timestamp with time zone",
)  # fmt: skip

# Without those of which Debezium writes nothing (name, pg_lsn, composite types, …), objects (point, arrays, hstore),
# bytes in an order of its own (bit), or another value (time: 24:00 becomes 00:00; timetz: in UTC).
EVENT_TYPES = frozenset({
    *KEY_TYPES, "character", "bpchar", '"char"', "citext", "ltree", "bytea", "real", "double precision", "money",
    "interval", "inet", "cidr", "macaddr", "macaddr8", "json", "jsonb", "xml", "tsvector", "int4range", "int8range",
    "numrange", "daterange", "tsrange", "tstzrange",
})  # fmt: skip


def key_of(table: Table, columns: tuple[str, ...] | None) -> Key:
    """Return the root key: the given columns, by default the primary key.

    Raises CatalogError when there is no primary key, a column is missing, may be NULL, or has a type that is no key.
    """
    names = columns or table.primary_key
    if not names:
        raise CatalogError(
            f"Table {table.name} has no primary key; add one, or name a unique NOT NULL key in the pipeline file (key)."
        )
    key = Key(tuple(table.column(name) for name in names))
    for column in key.columns:
        if not column.not_null:
            raise CatalogError(
                f"Key column {table.name}.{column.name} may be NULL; a key must be NOT NULL. Declare it so (and "
                f"VALIDATE a constraint that is NOT VALID), or name another unique NOT NULL key in the pipeline file "
                f"(key)."
            )
        if not column.deterministic:
            raise CatalogError(
                f"Key column {table.name}.{column.name} has a collation that is not deterministic: texts that differ "
                f"are one key, but two ids in Elasticsearch. Name another unique NOT NULL key in the pipeline file "
                f"(key)."
            )
        if column.base_type not in KEY_TYPES:
            raise CatalogError(
                f"Key column {table.name}.{column.name} has type {column.type}, which cannot be a key here; "
                f"allowed: {', '.join(KEY_TYPES)}. Name another unique NOT NULL key in the pipeline file (key)."
            )
    return key
