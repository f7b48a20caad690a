"""Generations: the physical indices of a pipeline, and what each remembers about itself in its mapping's `_meta`."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from pg2es.core.errors import GenerationError
from pg2es.core.pipeline import Pipeline

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


@dataclass(frozen=True)
class Identity:
    """Which PostgreSQL, and which of its histories."""

    system_identifier: str
    timeline: int

    def __str__(self) -> str:
        return f"{self.system_identifier} (timeline {self.timeline})"


@dataclass(frozen=True)
class Meta:
    """What a generation remembers. `fence` is the transaction id X of the start fence, None until it is fixed."""

    pipeline: str
    source: str
    fingerprint: str
    epoch: int
    system_identifier: str
    timeline: int
    fence: str | None = None
    format: int = FORMAT

    @property
    def identity(self) -> Identity:
        """The database that the generation was made from."""
        return Identity(self.system_identifier, self.timeline)

    def with_fence(self, fence: str | None) -> "Meta":
        """Return a copy with this start fence; None: the stream has no position yet."""
        return replace(self, fence=fence)

    def to_mapping(self) -> dict[str, Any]:
        """Return the `_meta` object of the index mapping."""
        return {"pg2es": {name: value for name, value in asdict(self).items() if value is not None}}

    @classmethod
    def from_mapping(cls, index: str, meta: dict[str, Any] | None) -> "Meta":
        """Return what `_meta` says; GenerationError when pg2es did not make the index."""
        values = (meta or {}).get("pg2es")
        if not isinstance(values, dict):
            raise GenerationError(
                f"Index {index} was not made by pg2es (its mapping has no _meta.pg2es). "
                f"Give the pipeline another alias, or remove the index."
            )
        if values.get("format") != FORMAT:
            raise GenerationError(
                f"Index {index} has pg2es format {values.get('format')}, this version writes {FORMAT}: reindex."
            )
        return cls(**values)


def generation_name(alias: str, number: int) -> str:
    """Return the index name of a generation, `orders-000002`."""
    return f"{alias}-{number:06d}"


def generation_number(alias: str, index: str) -> int | None:
    """Return the number in an index name, None when it is no generation of the alias."""
    match = re.fullmatch(re.escape(alias) + r"-(\d{6})", index)
    return int(match[1]) if match else None


def sink_connector(generation: str) -> str:
    """Return the name of the sink connector that feeds a generation."""
    return f"pg2es-sink-{generation}"


def is_sink_of(alias: str, connector: str) -> bool:
    """Return whether a connector feeds a generation of the alias, be its index there or not."""
    return generation_number(alias, connector.removeprefix(sink_connector(""))) is not None


def fingerprint(pipeline: Pipeline, document_columns: list[tuple[str, str]]) -> str:
    """Hash of what makes a generation incompatible with the pipeline: columns, mapping, settings, key, format."""
    content = {
        "format": FORMAT,
        "columns": document_columns,
        "mapping": pipeline.mapping,
        "table": pipeline.table,
        "key": pipeline.key,
        "document": pipeline.document,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def index_body(pipeline: Pipeline, meta: Meta) -> dict[str, Any]:
    """Return settings and mappings of a new generation: those of the pipeline, and what pg2es adds."""
    mappings = dict(pipeline.mapping.get("mappings", {}))
    settings = dict(pipeline.mapping.get("settings", {}))
    return {
        "settings": {"index.gc_deletes": GC_DELETES, **_with_prefix(settings)},
        "mappings": {
            **mappings,
            "properties": {"_pg2es": MARK_MAPPING, **mappings.get("properties", {})},
            "_meta": meta.to_mapping(),
        },
    }


def _with_prefix(settings: dict[str, Any]) -> dict[str, Any]:
    """Write `index: {...}` and bare names alike, so that nothing stands there twice."""
    flat = {**{name: value for name, value in settings.items() if name != "index"}, **settings.get("index", {})}
    return {name if name.startswith("index.") else f"index.{name}": value for name, value in flat.items()}
