"""From document ids back to keys. An index may hold ids that no key can have: somebody else wrote them."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from pg2es.adapters.postgres import Session
from pg2es.core.batches import by_halves
from pg2es.core.refresh import Key
from pg2es.core.sql import DocumentSql


class ParsedIds(NamedTuple):
    """Ids with the keys that they stand for, and ids that stand for none."""

    keys: dict[str, Key]
    foreign: list[str]


def parse_ids(session: Session, sql: DocumentSql, ids: Sequence[str]) -> ParsedIds:
    """Tell ids of keys from others, such as `x` or `007` where the key is a number.

    PostgreSQL decides, as it made them. Call it outside a transaction: what is no key makes a statement fail.
    """
    parsed = {identifier: parse_id(identifier, len(sql.key.columns)) for identifier in ids}
    keys = {identifier: key for identifier, key in parsed.items() if key}
    wanted = list(keys.items())
    good = {identifier: key for (identifier, key), found in _canonical(session, sql, wanted) if identifier == found}
    return ParsedIds(good, [identifier for identifier in ids if identifier not in good])


def _canonical(
    session: Session, sql: DocumentSql, wanted: list[tuple[str, Key]]
) -> list[tuple[tuple[str, Key], str | None]]:
    """Return each id as PostgreSQL writes it, None for what is no key."""

    def ask(part: Sequence[tuple[str, Key]]) -> list[str]:
        columns = [list(column) for column in zip(*(key for _, key in part), strict=True)]
        return [found for (found,) in session.execute(sql.canonical_ids(), columns)]

    answers: list[tuple[tuple[str, Key], str | None]] = []
    for part, found in by_halves(wanted, ask, (psycopg.DataError, psycopg.IntegrityError)):
        answers += zip(part, [None] if isinstance(found, psycopg.Error) else found, strict=True)
    return answers


def id_of(key: Key) -> str:
    """Return the id of a key whose texts are PostgreSQL's own."""
    return key[0] if len(key) == 1 else json.dumps(key, ensure_ascii=False)


def parse_id(identifier: str, columns: int) -> Key | None:
    """Return the key that an id stands for, None when it can be none; whether the types fit, PostgreSQL knows."""
    if columns == 1:
        return (identifier,)
    try:
        values = json.loads(identifier)
    except ValueError:
        return None
    if isinstance(values, list) and len(values) == columns and all(isinstance(value, str) for value in values):
        return tuple(values)
    return None
