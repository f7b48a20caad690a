"""The plan of a pipeline: how its files and the database differ from the live generation, and what that takes.

recipe of the live generation   ┐
├──▶  differences, each with a verdict  ──▶  the verdict of the plan: the worst
recipe of files and database    ┘
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pg2es.core.generations.generation import Recipe

Fields = dict[str, Any]


class Verdict(StrEnum):
    """What a difference takes."""

    NOTHING = "nothing to do"
    IN_PLACE = "in place"  # the index can take it; documents are read again, as far as the difference says so
    UNTRIED = "to be tried"  # one of both: Elasticsearch was not asked
    REINDEX = "reindex needed"  # a new generation
    BROKEN = "broken"  # the pipeline cannot work as it is

    @property
    def severity(self) -> int:
        """The worse, the higher."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Difference:
    """One thing that differs: `before` in the live generation, `after` by files and database; None where it is not.

    `rereads`: every document has to be read again.
    """

    path: str
    before: str | None
    after: str | None
    verdict: Verdict
    reason: str
    rereads: bool = True

    def __str__(self) -> str:
        change = f" {self.before or '(none)'} → {self.after or '(none)'}" if self.before or self.after else ""
        return f"{self.path}:{change} [{self.verdict.value}] {self.reason}"


@dataclass(frozen=True)
class Plan:
    """What a pipeline needs. `index` is the live generation, None when there is none; `wanted` None when broken."""

    pipeline: str
    index: str | None
    wanted: Recipe | None
    differences: tuple[Difference, ...]
    revision: int = 0

    @property
    def change(self) -> str:
        """Which change this is about: the same as long as neither the live generation nor what is wanted changes."""
        return f"{self.index}.{self.revision}-{self.wanted.fingerprint if self.wanted else ''}"

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of a difference."""
        return max((d.verdict for d in self.differences), key=lambda v: v.severity, default=Verdict.NOTHING)

    @property
    def rereads(self) -> bool:
        """Whether every document has to be read again."""
        return any(difference.rereads for difference in self.differences)

    def __str__(self) -> str:
        lines = "".join(f"\n  {difference}" for difference in self.differences)
        return f"{self.pipeline} ({self.index or 'no index'}): {self.verdict.value}{lines}"


@dataclass(frozen=True)
class IndexChange:
    """A difference of mapping or settings, and the requests that would bring it to an index that is there.

    Both requests are None for what no request can take back.
    """

    path: str
    before: str | None
    after: str | None
    mapping: Fields | None = None
    settings: Fields | None = None

    @property
    def possible(self) -> bool:
        """Whether there is a request for it at all."""
        return self.mapping is not None or self.settings is not None


def compare_recipes(live: Recipe, wanted: Recipe) -> Iterator[Difference]:
    """Give the differences besides mapping and settings, which Elasticsearch judges."""
    if live.table != wanted.table:
        yield Difference("table", live.table, wanted.table, Verdict.REINDEX, "the documents are about other rows")
    if live.key != wanted.key:
        yield Difference(
            "key", ", ".join(live.key), ", ".join(wanted.key), Verdict.REINDEX, "document ids are made of the key"
        )
    yield from _compare_columns(dict(live.columns), dict(wanted.columns))
    # The same text may give columns in another order: those of `root.*` after one was dropped and added again.
    other = live.document != wanted.document or live.columns != wanted.columns
    if other and set(live.columns) == set(wanted.columns):
        yield Difference("document SQL", None, None, Verdict.IN_PLACE, "it reads other values, or in another order")
    if live.related != wanted.related:
        yield Difference("related", _names(live), _names(wanted), Verdict.IN_PLACE, "other changes lead to documents")


def _compare_columns(live: dict[str, str], wanted: dict[str, str]) -> Iterator[Difference]:
    for name in [*live, *(name for name in wanted if name not in live)]:
        before, after = live.get(name), wanted.get(name)
        if before == after:
            continue
        path = f"column {name}"
        if before is None or after is None:
            reason = "a new field of the documents" if before is None else "documents no longer have it"
            yield Difference(path, before, after, Verdict.IN_PLACE, reason)
        elif _without_modifier(before) == _without_modifier(after):
            yield Difference(path, before, after, Verdict.IN_PLACE, "the values may be written otherwise")
        else:
            yield Difference(path, before, after, Verdict.REINDEX, "the values have another type")


def _without_modifier(type_name: str) -> str:
    """`numeric(10,2)[]` is `numeric[]`."""
    return re.sub(r"\(.*?\)", "", type_name)


def _names(recipe: Recipe) -> str | None:
    return ", ".join(related.table for related in recipe.related) or None


def index_changes(live: Recipe, wanted: Recipe) -> Iterator[IndexChange]:
    """Give the differences of settings and mapping, field by field."""
    for name in sorted(live.settings.keys() | wanted.settings.keys()):
        before, after = live.settings.get(name), wanted.settings.get(name)
        if before != after:
            yield IndexChange(f"setting {name}", _show(before), _show(after), settings={name: after})
    old, new = live.mapping.get("mappings", {}), wanted.mapping.get("mappings", {})
    for name in sorted((old.keys() | new.keys()) - {"properties"}):
        if old.get(name) != new.get(name):
            body = {name: new[name]} if name in new else None
            if name == "runtime":  # a put leaves alone what it does not name, and null takes a runtime field away
                body = {name: {**dict.fromkeys(old.get(name, {})), **new.get(name, {})}}
            yield IndexChange(f"mapping {name}", _show(old.get(name)), _show(new.get(name)), mapping=body)
    yield from _field_changes(old.get("properties", {}), new.get("properties", {}), ())


def _field_changes(live: Fields, wanted: Fields, parents: tuple[tuple[str, Fields], ...]) -> Iterator[IndexChange]:
    """Give the changed fields of an object; `parents` are the objects around it, outermost first.

    A put leaves alone what it does not name: a mapping keeps its fields, a field its multi-fields, an object its
    parameters. Parameters of other fields go back to their defaults, as far as Elasticsearch lets them change.
    """
    for name in [*live, *(name for name in wanted if name not in live)]:
        before, after = live.get(name), wanted.get(name)
        if before == after:
            continue
        path = "field " + ".".join([*(parent for parent, _ in parents), name])
        if before is None or after is None:
            yield IndexChange(path, _show(before), _show(after), mapping=after and _nest(parents, name, after))
        elif _is_object(before) and _is_object(after):
            old, new = _own(before), _own(after)
            if old != new:
                mapping = _nest(parents, name, new) if old.keys() <= new.keys() else None
                yield IndexChange(path, *_show_differing(old, new), mapping=mapping)
            nested = (*parents, (name, new))
            yield from _field_changes(before.get("properties", {}), after.get("properties", {}), nested)
        else:
            parts, wanted_parts = before.get("fields", {}), after.get("fields", {})
            for part in [part for part in parts if part not in wanted_parts]:
                yield IndexChange(f"{path}.{part}", _show(parts[part]), None)
            kept = {part: definition for part, definition in parts.items() if part in wanted_parts}
            old, new = {**before, "fields": kept}, {**after, "fields": wanted_parts}
            if old != new:
                yield IndexChange(path, *_show_differing(old, new), mapping=_nest(parents, name, after))


def _is_object(definition: Fields) -> bool:
    return "properties" in definition or definition.get("type") in ("object", "nested")


def _own(definition: Fields) -> Fields:
    """Return an object's own parameters."""
    return {"type": "object"} | {key: value for key, value in definition.items() if key != "properties"}


def _nest(parents: tuple[tuple[str, Fields], ...], name: str, definition: Fields) -> Fields:
    """Return the mapping that has this field, and the objects around it."""
    body: Fields = {"properties": {name: definition}}
    for parent, own in reversed(parents):
        body = {"properties": {parent: {**own, **body}}}
    return body


def _show_differing(before: Fields, after: Fields) -> tuple[str | None, str | None]:
    differing = [key for key in before | after if before.get(key) != after.get(key)]
    old, new = ({key: found[key] for key in differing if key in found} for found in (before, after))
    return _show(old), _show(new)


def _show(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
