"""A pipeline: one root table, its document SQL, one alias."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from pg2es.core.config.files import FileModel
from pg2es.core.config.source import Name, TableName
from pg2es.core.config.statements import one_statement
from pg2es.core.table import KEY_TYPES

MOST_LANES = 8
"""Chunks that may be copied at the same time."""

A_YEAR_H = 8_760

AliasName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,200}$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=63)]


Sql = Annotated[str, AfterValidator(one_statement)]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Related(FileModel):
    """Another table that the document SQL reads, and how a change of its row leads to roots."""

    table: TableName = Field(description="`schema.table`.")
    root_key: tuple[Identifier, ...] | None = Field(
        default=None,
        description="The simple case: the column (or columns, in key order) of this table that holds the root's key.",
    )
    roots_sql: Sql | None = Field(
        default=None,
        description="The general case: a SELECT of root keys over a relation named `changed`, "
        "which holds `columns` of the changed rows, old and new. Follow foreign keys only; "
        "do not repeat the document's WHERE.",
    )
    columns: tuple[Identifier, ...] | None = Field(
        default=None,
        description="With `roots_sql`: the columns of `changed`. Default: the table's primary key.",
    )

    _root_key_listed = field_validator("root_key", "columns", mode="before")(_listed)

    @model_validator(mode="after")
    def _one_way_to_roots(self) -> "Related":
        if (self.root_key is None) == (self.roots_sql is None):
            raise ValueError(f"related table {self.table} needs either root_key or roots_sql, one of the two")
        if self.columns is not None and self.roots_sql is None:
            raise ValueError(f"related table {self.table}: columns goes with roots_sql")
        return self


class BackfillSettings(FileModel):
    """Defaults of the backfill DAG's Params."""

    chunks: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Number of chunks. Default: one for each 128 MiB of the table.",
    )
    parallelism: int = Field(default=2, ge=1, le=MOST_LANES, description="Chunks that are copied at the same time.")


class StreamSettings(FileModel):
    """The sink connector of each generation."""

    tasks: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Tasks of the sink, which share the topics' partitions; more tasks than partitions are idle.",
    )
    batch_roots: int = Field(
        default=1_000, ge=1, le=10_000, description="Roots that are read at once; their documents make a bulk request."
    )
    bulk_flights: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Bulk requests of a task on their way while it reads the next documents. More of them help where "
        "Elasticsearch has cores to spare; where it has not, it makes more and smaller segments of them.",
    )
    spread_roots: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000,
        description="A change that leads to more roots is spread: they go to the refresh topic and are refreshed "
        "beside the other changes.",
    )
    refresh_deleted_after_min: int = Field(
        default=60,
        ge=15,
        le=1440,
        description="Minutes until a deleted document is refreshed once more, "
        "in case a late write has brought it back.",
    )


class Tolerance(StrEnum):
    """What the sink does with a record that it cannot bring into the index; named as Kafka Connect does."""

    ALL = "all"
    NONE = "none"


class ErrorSettings(FileModel):
    """What the sink does when something goes wrong. None of it drops a change."""

    tolerance: Tolerance = Field(
        default=Tolerance.ALL,
        description="`all`: a record whose document Elasticsearch refuses becomes a dead-letter record with the "
        "reason, and the rest goes on. `none`: the sink stops there until somebody has corrected the cause and deploys "
        "again.",
    )
    retry_initial_ms: int = Field(
        default=200,
        ge=1,
        le=60_000,
        description="First pause after a failure that may pass, such as a server that restarts. "
        "It is tried again for as long as it takes.",
    )
    retry_max_ms: int = Field(default=10_000, ge=1, le=600_000, description="Longest pause; pauses double up to it.")

    @model_validator(mode="after")
    def _pauses_grow(self) -> "ErrorSettings":
        if self.retry_initial_ms > self.retry_max_ms:
            raise ValueError(
                f"retry_initial_ms = {self.retry_initial_ms} is above retry_max_ms = {self.retry_max_ms}; "
                f"pauses grow from the first to the second"
            )
        return self


class OnSchemaChange(StrEnum):
    """What the schema watch does when a pipeline needs a new generation."""

    REINDEX = "reindex"
    REPORT = "report"


class Verification(StrEnum):
    """How a new generation is compared with PostgreSQL before it goes live."""

    DIGEST = "digest"
    BYTES = "bytes"


class ReindexSettings(FileModel):
    """Defaults of the reindex DAG's Params."""

    verify: Verification = Field(
        default=Verification.DIGEST,
        description="`digest` compares sums over all documents and looks into what differs; "
        "`bytes` compares every document byte for byte.",
    )
    approval: bool = Field(default=False, description="Somebody has to approve before the alias is swapped.")
    approval_timeout_h: float = Field(
        default=24, gt=0, le=A_YEAR_H, description="Hours to wait for the approval; then it fails."
    )
    keep_old_h: float = Field(
        default=24,
        ge=0,
        le=A_YEAR_H,
        description="Hours that the replaced generation is kept up to date for a rollback.",
    )


class ReconcileSettings(FileModel):
    """The schedule and the defaults of the reconcile DAG's Params."""

    every_h: float | None = Field(
        default=1, gt=0, le=A_YEAR_H, description="Hours between two runs; `null`: only after a swap and on demand."
    )
    deep_runs: int = Field(
        default=24,
        ge=1,
        le=10_000,
        description="Scheduled runs in which every stored document is read once: each run reads one part of so many.",
    )
    repair: bool = Field(default=True, description="Read the rows of documents that differ again.")
    max_repair_fraction: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="When a larger part of the documents differs, nothing is repaired: something else is wrong.",
    )


class PipelineLimits(FileModel):
    """Beyond which figures of a pipeline the monitor says that something is wrong."""

    max_freshness_s: float = Field(
        default=45, gt=0, le=600, description="Seconds from a commit until it is searchable."
    )
    max_lag_records: int = Field(default=100_000, ge=0, description="Records that the sink still has to read.")


class SmokeQuery(FileModel):
    """A query that has to find something in a new generation before it goes live."""

    query: dict[str, Any] = Field(description="A query of Elasticsearch's query DSL.")
    at_least: int = Field(default=1, ge=0, description="How many documents it has to find.")


_CHANGES_DOCUMENTS = ("index.default_pipeline", "index.final_pipeline", "index.mapping.source.mode")
"""Settings of an index that change what is stored."""


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"must have an object as {name}")  # noqa: TRY004 (pydantic reports a ValueError)
    return found


def flatten_settings(settings: dict[str, Any], prefix: str = "index.") -> dict[str, Any]:
    """Write nested objects as dotted names, so that `index: {...}`, bare and dotted names are alike."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        path = prefix + name.removeprefix("index.")
        if name == "index" and isinstance(value, dict):
            flat |= flatten_settings(value)
        elif isinstance(value, dict):
            flat |= flatten_settings(value, f"{path}.")
        else:
            flat[path] = value
    return flat


class Pipeline(FileModel):
    """One root table → one alias."""

    name: Name
    source: Name = Field(description="Name of a file in `sources/`.")
    table: TableName = Field(description="The root table, `schema.table`.")
    alias: AliasName = Field(
        default="",
        description="The alias that searches use; its indices are `<alias>-000001` and so on. "
        "Default: the pipeline's name.",
    )
    key: tuple[Identifier, ...] | None = Field(
        default=None,
        description="Columns that identify a root: unique and NOT NULL, of types that read alike everywhere "
        f"({', '.join(KEY_TYPES)}). Default: the table's primary key.",
    )
    document: Sql | None = Field(
        default=None,
        description="File in `documents/`: the document SQL, a SELECT over a relation named `root`. "
        "It returns the key columns under their names. Default: all columns of the root.",
    )
    mapping: dict[str, Any] = Field(description="File in `mappings/`: `settings` and `mappings` of the index.")
    related: tuple[Related, ...] = Field(default=(), description="The other tables that the document SQL reads.")
    backfill: BackfillSettings = Field(
        default_factory=BackfillSettings, description="How the backfill divides the work."
    )
    stream: StreamSettings = Field(default_factory=StreamSettings, description="How the sink works.")
    errors: ErrorSettings = Field(
        default_factory=ErrorSettings, description="What the sink does when something goes wrong."
    )
    on_schema_change: OnSchemaChange = Field(
        default=OnSchemaChange.REPORT,
        description="What the schema watch does when a new generation is needed: run the reindex DAG, or report it.",
    )
    reindex: ReindexSettings = Field(default_factory=ReindexSettings, description="How a new generation is made.")
    smoke: tuple[SmokeQuery, ...] = Field(
        default=(), description="Queries that a new generation has to answer before it goes live."
    )
    reconcile: ReconcileSettings = Field(
        default_factory=ReconcileSettings, description="When and how the index is compared with the table."
    )
    monitor: PipelineLimits = Field(
        default_factory=PipelineLimits, description="Beyond which figures of the pipeline something is wrong."
    )
    redact: tuple[str, ...] = Field(
        default=(),
        description="Fields of the document, such as `email` or `customer.email`, whose values reports leave out; "
        "of Elasticsearch's reasons, which quote values, only the field stays.",
    )
    max_document_bytes: int = Field(
        default=10 * 1024 * 1024,
        ge=1024,
        le=90 * 1024 * 1024,
        description="A larger document is rejected instead of sent (Elasticsearch takes requests up to 100 MiB).",
    )

    _key_listed = field_validator("key", "redact", mode="before")(_listed)

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, values: dict[str, object]) -> dict[str, object]:
        return {"alias": values.get("name", ""), **values}

    @field_validator("mapping")
    @classmethod
    def _check_mapping(cls, mapping: dict[str, Any]) -> dict[str, Any]:
        if unknown := set(mapping) - {"settings", "mappings"}:
            raise ValueError(f"has unknown parts {', '.join(sorted(unknown))}; allowed are settings and mappings")
        mappings = _object(mapping, "mappings")
        source = _object(mappings, "_source")
        if (
            source.get("enabled", True) is False
            or source.get("mode", "stored") != "stored"
            or ({"includes", "excludes"} & set(source))
        ):
            raise ValueError("must keep `_source` whole and stored: pg2es compares its bytes with PostgreSQL")
        for reserved in ("_meta", "_pg2es"):
            if reserved in mappings or reserved in _object(mappings, "properties"):
                raise ValueError(f"must leave out {reserved}: it belongs to pg2es")
        for path in flatten_settings(_object(mapping, "settings")):
            if path in _CHANGES_DOCUMENTS:
                raise ValueError(f"must leave out the setting {path}: documents would be stored otherwise than sent")
        return mapping

    @property
    def tables(self) -> tuple[str, ...]:
        """All captured tables, the root first, each once."""
        return tuple(dict.fromkeys([self.table, *(related.table for related in self.related)]))
