"""From texts to values: those of change events, which write some types otherwise than PostgreSQL, and its own."""

from collections.abc import Iterable

from pg2es.core.sql.identifiers import quote
from pg2es.core.table import Column


def value_arrays(columns: Iterable[Column]) -> str:
    """Return `$1::text[]::bigint[], …`: a parameter for each column, an array of texts that are cast to its type.

    The texts are PostgreSQL's own, or those of change events.
    """
    return ", ".join(_value_array(f"${number}::text[]", column) for number, column in enumerate(columns, start=1))


def _value_array(texts: str, column: Column) -> str:
    reading = _READINGS.get(column.base_type)
    values = f"ARRAY(SELECT {reading} FROM unnest({texts}) t)" if reading else texts
    return f"{values}::{column.stored_type}[]"


# Java writes years beyond 9999 with a sign, counts those before Christ from 0 downwards, and has two of its last years
# for the infinities, which lie behind the last that PostgreSQL has.
_YEAR = "substring(t FROM '^[-+]?[0-9]+')::bigint"
_DATE = f"""\
CASE WHEN t !~ '^([-+][0-9]|0000)' THEN t
  WHEN {_YEAR} > 5874897 THEN 'infinity'
  WHEN {_YEAR} < -4713 THEN '-infinity'
  WHEN {_YEAR} > 0 THEN substr(t, 2)
  ELSE concat(lpad((1 - {_YEAR})::text, 4, '0'), substring(t FROM '^[-+]?[0-9]+(.*)$'), ' BC') END"""

_READINGS = {
    "date": _DATE,
    "timestamp without time zone": _DATE,
    "timestamp with time zone": _DATE,
    "numeric": "CASE t WHEN 'POSITIVE_INFINITY' THEN 'Infinity' WHEN 'NEGATIVE_INFINITY' THEN '-Infinity' ELSE t END",
    "bytea": "CASE WHEN starts_with(t, '\\x') THEN t::bytea ELSE decode(t, 'hex') END",
}
"""How events write values of some types, as an expression over `t`."""


def as_key(column: Column, part: Column) -> str:
    """Return a value of `changed` as one of a key column; NULL for a text that can be none."""
    value = f"changed.{quote(column.name)}"
    pattern = _TEXTS_OF.get(part.base_type) if column.base_type in _TEXTS else None
    cast = f"{value}::{part.base_type}"
    return f"CASE WHEN {value} ~ '^{pattern}$' THEN {cast} END" if pattern else cast


_TEXTS = ("text", "character varying", "character", "bpchar", "citext")
_HEX_DIGITS = "[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}"
_TIMESTAMP = "[0-9]{4,}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_TEXTS_OF = {
    "smallint": "[-+]?[0-9]{1,5}",
    "integer": "[-+]?[0-9]{1,10}",
    "bigint": "[-+]?[0-9]{1,19}",
    "oid": "[0-9]{1,10}",
    "numeric": "[-+]?[0-9]+([.][0-9]+)?",
    "uuid": f"({_HEX_DIGITS}|[{{]{_HEX_DIGITS}[}}])",  # hyphens and braces are optional to PostgreSQL
    "date": "[0-9]{4,}-[0-9]{2}-[0-9]{2}",
    "timestamp without time zone": _TIMESTAMP,
    "timestamp with time zone": f"{_TIMESTAMP}(Z|[-+][0-9]{{2}}(:?[0-9]{{2}})?)",
}
"""Texts that are tried as a key of a type."""
