"""Which Elasticsearch field suits a PostgreSQL type, as its values stand in a document.

A suggestion never makes Elasticsearch reject a document: what PostgreSQL can hold and a field cannot (NaN, infinity,
years of five digits, a netmask) is left out of the field (`ignore_malformed`, `ignore_above`) and stays in the
document.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Field = dict[str, Any]

SHORT_TEXT = 32
"""A varchar of at most so many characters is rather a code than prose."""

EXACT_DIGITS = 15
"""So many decimal digits a double holds exactly."""


class TypeKind(StrEnum):
    """Kinds of types (`pg_type.typtype`), domains and arrays taken off."""

    BASE = "b"
    COMPOSITE = "c"
    ENUM = "e"
    MULTIRANGE = "m"
    PSEUDO = "p"
    RANGE = "r"


@dataclass(frozen=True)
class ColumnType:
    """A column's type: what arrays and domains are made of, as `pg_type.typname`.

    `length` is that of `varchar(n)`, `precision` that of `numeric(p, s)`; None where there is none.
    """

    column: str
    name: str
    kind: TypeKind
    length: int | None = None
    precision: int | None = None


@dataclass(frozen=True)
class Suggestion:
    """A field for a column, and what a reader should know about the choice, "" for nothing."""

    field: Field
    note: str = ""


_RAW: Field = {"type": "keyword", "ignore_above": 256}
_PROSE: Field = {"type": "text", "fields": {"raw": _RAW}}
_STORED: Field = {"type": "object", "enabled": False}

_DATE = Suggestion({"type": "date", "ignore_malformed": True})
_JSON = Suggestion(
    _STORED, "kept, not searchable; where every value is an object, type flattened makes its keys searchable"
)
_BINARY = Suggestion(_STORED, "kept, not searchable")
_CODE = Suggestion(_RAW)
_TEXT = Suggestion(_PROSE)

_BY_NAME: dict[str, Suggestion] = {
    "bool": Suggestion({"type": "boolean"}),
    "int2": Suggestion({"type": "short"}),
    "int4": Suggestion({"type": "integer"}),
    "int8": Suggestion({"type": "long"}),
    "oid": Suggestion({"type": "long"}),
    "float4": Suggestion({"type": "float", "ignore_malformed": True}),
    "float8": Suggestion({"type": "double", "ignore_malformed": True}),
    "uuid": Suggestion({"type": "keyword"}),
    "date": _DATE,
    "timestamp": _DATE,
    "timestamptz": _DATE,
    "text": _TEXT,
    "citext": _TEXT,
    "xml": Suggestion({"type": "text"}),
    "json": _JSON,
    "jsonb": _JSON,
    "hstore": _JSON,
    "bytea": _BINARY,
    "tsvector": _BINARY,
    "inet": Suggestion({"type": "ip", "ignore_malformed": True}, "an address with a netmask is kept, not searchable"),
    "cidr": Suggestion({"type": "ip_range"}),
    "interval": Suggestion(_RAW, "as ISO 8601 text"),
    "money": Suggestion(_RAW, "as text; numeric serves better"),
} | dict.fromkeys(
    ("bpchar", "char", "name", "time", "timetz", "bit", "varbit", "macaddr", "macaddr8", "pg_lsn", "xid8", "ltree",
     "point", "line", "lseg", "box", "path", "polygon", "circle", "jsonpath", "tsquery"),
    _CODE,
)  # fmt: skip


def suggest_field(column: ColumnType) -> Suggestion:
    """Return the field for a column."""
    if column.kind is TypeKind.ENUM:
        return Suggestion({"type": "keyword"})
    if column.kind in (TypeKind.RANGE, TypeKind.MULTIRANGE):
        return Suggestion(_RAW, "as text; for searches return lower() and upper() as columns of their own")
    if column.kind is TypeKind.COMPOSITE:
        return Suggestion(_STORED, "an object: kept, not searchable; write `properties` for its fields")
    if column.name == "numeric":
        return _suggest_numeric(column)
    if column.name == "varchar":
        return _CODE if column.length is not None and column.length <= SHORT_TEXT else _TEXT
    return _BY_NAME.get(column.name, Suggestion(_STORED, f"type {column.name} is not known here: kept, not searchable"))


def _suggest_numeric(column: ColumnType) -> Suggestion:
    if column.precision is not None and column.precision <= EXACT_DIGITS:
        return Suggestion({"type": "double", "ignore_malformed": True})
    return Suggestion(
        {"type": "double", "ignore_malformed": True, "fields": {"raw": _RAW}},
        "searched as a double, which holds 15 digits; all digits are in .raw",
    )


def suggest_mapping(columns: list[ColumnType]) -> dict[str, Any]:
    """Return the content of a mapping file; new columns are kept and not searchable until they are added."""
    return {
        "mappings": {"dynamic": False, "properties": {column.column: suggest_field(column).field for column in columns}}
    }
