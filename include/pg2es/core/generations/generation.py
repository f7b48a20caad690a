"""Generations: the physical indices of a pipeline, and what each remembers about itself in its mapping's `_meta`."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from pg2es import __version__
from pg2es.core.config import FileModel, Related, flatten_settings
from pg2es.core.errors import FormatMismatch, GenerationError, IdentityMismatch, NewerVersion
from pg2es.core.versions import is_newer

FORMAT = 1
"""Version of what pg2es writes: the mark of a document, the digest, the id, `_meta`."""

MARK_MAPPING = {
    "properties": {
        "d0": {"type": "integer", "index": False},
        "d1": {"type": "integer", "index": False},
        "bucket": {"type": "integer"},
    }
}
"""Mapping of `_pg2es`: the digest's halves are only summed, the bucket is searched and sorted by."""

GC_DELETES = "1h"
"""How long Elasticsearch remembers a deleted document's version: deadline D + B of the refresh protocol, rule 6."""


class Descent(StrEnum):
    """What a database is to the one that an index was made from."""

    SAME = "same"
    PROMOTED = "promoted"
    """A later timeline: a standby that was promoted, or a backup that was recovered to some point."""
    LEFT_BEHIND = "left behind"
    """An earlier timeline: the old primary is back."""
    OTHER = "other"

    def advise(self, source: str) -> str:
        """Return what to do about a database that is not the same."""
        if self is Descent.LEFT_BEHIND:
            return f"It is an old primary, which a promoted standby has replaced: point source {source} at that one."
        return f"Run the DAG recover_{source}, which adopts it and brings what differs."


MAX_EPOCH = 127
"""A version has 63 bits, and an LSN takes 56 of them."""


@dataclass(frozen=True)
class Identity:
    """Which PostgreSQL, and which of its histories."""

    system_identifier: str
    timeline: int

    def __str__(self) -> str:
        return f"{self.system_identifier} (timeline {self.timeline})"

    def compare(self, found: "Identity") -> "Descent":
        """Return what a database is to this one."""
        if found == self:
            return Descent.SAME
        if found.system_identifier != self.system_identifier:
            return Descent.OTHER
        return Descent.PROMOTED if found.timeline > self.timeline else Descent.LEFT_BEHIND


class Recipe(FileModel):
    """What a generation is made from; another recipe may need another generation (`plan` decides).

    `document` is always written out: `SELECT *` would mean something else after an ALTER TABLE. `columns` are the names
    and types of the document's columns.
    """

    table: str
    key: tuple[str, ...]
    document: str
    columns: tuple[tuple[str, str], ...]
    mapping: dict[str, Any]
    related: tuple[Related, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """All tables that it needs, the root first."""
        return (self.table, *(related.table for related in self.related))

    @property
    def fingerprint(self) -> str:
        """Hash of the recipe and of the pg2es format: equal recipes make equal documents."""
        content = {"format": FORMAT, **self.model_dump(mode="json")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def settings(self) -> dict[str, Any]:
        """Index settings under their full dotted names, that of pg2es included where the mapping file has none."""
        return {"index.gc_deletes": GC_DELETES, **flatten_settings(self.mapping.get("settings", {}))}


class Meta(FileModel):
    """What a generation remembers.

    `fence` is the transaction id X of the start fence, None until it is fixed. `filled`: a backfill has gone through
    since the recipe last changed. `verified`: compared with PostgreSQL before it went live. `revision` counts the
    changes of the recipe. `replaced_at` and `keep_until` are written when another generation takes its place.
    `gap`: when it was found that earlier changes may be missing; until a backfill has gone through. `histories`: by
    shard what Elasticsearch calls its history, another one when a snapshot takes its place. `topics`: the ids of those
    that the sink has its positions in. `version`: of the pg2es that wrote here last.
    """

    pipeline: str
    source: str
    recipe: Recipe
    epoch: int
    system_identifier: str
    timeline: int
    fence: str | None = None
    filled: bool = False
    verified: bool = False
    revision: int = 0
    replaced_at: datetime | None = None
    keep_until: datetime | None = None
    gap: datetime | None = None
    histories: dict[str, str] = Field(default_factory=dict)
    topics: dict[str, str] = Field(default_factory=dict)
    format: int = FORMAT
    version: str | None = None

    @property
    def identity(self) -> Identity:
        """The database that the generation was made from."""
        return Identity(self.system_identifier, self.timeline)

    def find_mismatch(self, index: str, found: Identity) -> IdentityMismatch | None:
        """Return why nobody may write into the generation's index from a database, None when it is the right one."""
        descent = self.identity.compare(found)
        if descent is Descent.SAME:
            return None
        return IdentityMismatch(index, str(self.identity), str(found), descent.advise(self.source))

    def adopt(self, identity: Identity) -> dict[str, Any]:
        """Return the changes by which a generation belongs to another database: its versions beat all that were.

        GenerationError when that was done too often.
        """
        if self.epoch >= MAX_EPOCH:
            raise GenerationError(
                f"A generation of pipeline {self.pipeline} was adopted {self.epoch} times, more is not possible. Run "
                f"the DAG reindex_{self.pipeline}."
            )
        return {
            "epoch": self.epoch + 1,
            "system_identifier": identity.system_identifier,
            "timeline": identity.timeline,
        }

    def with_(self, **changes: Any) -> "Meta":
        """Return a copy with these fields changed."""
        return self.model_copy(update=changes)

    def to_mapping(self) -> dict[str, Any]:
        """Return the `_meta` object of the index mapping."""
        return {"pg2es": self.with_(version=__version__).model_dump(mode="json", exclude_none=True)}

    @classmethod
    def from_mapping(cls, index: str, meta: dict[str, Any] | None) -> "Meta":
        """Return what `_meta` says.

        Raises GenerationError when pg2es did not make the index, NewerVersion when a newer one has written there, and
        FormatMismatch when the index has the format of an older one.
        """
        values = (meta or {}).get("pg2es")
        if not isinstance(values, dict):
            raise GenerationError(
                f"Index {index} was not made by pg2es (its mapping has no _meta.pg2es). "
                f"Give the pipeline another alias, or remove the index."
            )
        version, found = values.get("version"), values.get("format")
        if is_newer(version) or (isinstance(found, int) and found > FORMAT):
            raise NewerVersion(index, version, __version__)
        if found != FORMAT:
            raise FormatMismatch(index, found, FORMAT)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise GenerationError(
                f"The _meta.pg2es of index {index} is damaged ({key}: {first['msg']}). "
                f"Somebody else wrote there: remove the index and run the backfill."
            ) from None


_SECONDS = {"nanos": 1e-9, "micros": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_seconds(duration: str) -> float:
    """Return the seconds of a duration as Elasticsearch writes it, `1h` or `-1`."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)([a-z]*)", duration)
    if match is None:
        raise GenerationError(f"{duration} is no duration; write one such as 1h.")
    return float(match[1]) * _SECONDS.get(match[2], 1e-3)


def generation_name(alias: str, number: int) -> str:
    """Return the index name of a generation, `orders-000002`."""
    return f"{alias}-{number:06d}"


def generation_number(alias: str, index: str) -> int | None:
    """Return the number in an index name, None when it is no generation of the alias."""
    match = re.fullmatch(re.escape(alias) + r"-(\d{6})", index)
    return int(match[1]) if match else None


def scratch_name(alias: str, suffix: str) -> str:
    """Return the name of an index that only tries something out."""
    return f"{alias}-scratch-{suffix}"


def is_scratch_of(alias: str, index: str) -> bool:
    """Return whether an index was made to try something out for the alias, and left by a process that was killed."""
    return re.fullmatch(re.escape(alias) + r"-scratch-[0-9a-f]{12}", index) is not None


_SINK = "pg2es-sink-"


def sink_connector(generation: str) -> str:
    """Return the name of the sink connector that feeds a generation."""
    return f"{_SINK}{generation}"


def generation_of_sink(connector: str) -> str:
    """Return the index of the generation that a sink connector feeds."""
    return connector.removeprefix(_SINK)


def is_sink_of(alias: str, connector: str) -> bool:
    """Return whether a connector feeds a generation of the alias, be its index there or not."""
    return generation_number(sink_connector(alias), connector) is not None


NO_PIPELINES = {"index.default_pipeline": "_none", "index.final_pipeline": "_none"}
"""An index template may name ingest pipelines, which would change documents on their way into the index."""


def index_body(meta: Meta) -> dict[str, Any]:
    """Return settings and mappings of a generation: those of its recipe, and what pg2es adds."""
    mappings = meta.recipe.mapping.get("mappings", {})
    return {
        "settings": meta.recipe.settings | NO_PIPELINES,
        "mappings": {
            **mappings,
            "properties": {"_pg2es": MARK_MAPPING, **mappings.get("properties", {})},
            "_meta": meta.to_mapping(),
        },
    }
