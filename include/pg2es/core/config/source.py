"""A source: one PostgreSQL database, its replication slot, publication and topics."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from pg2es.core.config.converter import JSON_CONVERTER, check_converter
from pg2es.core.config.debezium import check_options
from pg2es.core.config.files import FileModel, Secret

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
SlotName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")]
TopicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
TableName = Annotated[str, StringConstraints(pattern=r"^[^.\s]([^.]*[^.\s])?\.[^.\s]([^.]*[^.\s])?$")]


LAST_PORT = 65_535

RESERVED = frozenset({"airflow"})
"""Names that no source has: the connection `pg2es_airflow` is the one to Airflow itself."""

_NO_TOPIC = re.compile(r"[^A-Za-z0-9._-]")
_LAST_UNIT = "\uffff"
"""The last character that is one unit of UTF-16."""


def _as_texts(options: object) -> object:
    """Accept numbers and switches as YAML writes them."""
    if not isinstance(options, dict):
        return options
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else value
        for name, value in options.items()
    }


class Events(StrEnum):
    """How much of a row its change events carry."""

    KEYS = "keys"
    FULL = "full"


class OnFailover(StrEnum):
    """What follows when a standby was promoted."""

    ADOPT = "adopt"
    STOP = "stop"


class PostgresSettings(FileModel):
    """How to reach the database. It must be the primary: a standby cannot answer what is visible."""

    host: str = Field(description="Host of the primary.")
    port: str = Field(default="5432", pattern=r"^(\d+|\$\{.+\})$", description="Port of the primary.")
    database: str = Field(description="Name of the database.")
    user: str = Field(description="Role with LOGIN, REPLICATION and SELECT on the tables.")
    password: Secret = Field(description="Reference to its password.")
    sslmode: str = Field(
        default="prefer",
        pattern=r"^(disable|allow|prefer|require|verify-ca|verify-full)$",
        description="As in libpq: disable, allow, prefer, require, verify-ca or verify-full.",
    )

    sslrootcert: str | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate; for verify-ca and verify-full.",
    )
    sslcert: str | None = Field(default=None, description="PEM file of the role's own certificate, where it needs one.")
    sslkey: str | None = Field(
        default=None,
        description="File of its key, PKCS-8 in DER, without a password: libpq and the JDBC driver read that.",
    )

    _port_as_text = field_validator("port", mode="before")(
        lambda value: str(value) if isinstance(value, int) else value
    )

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        if "://" in host or "@" in host:
            raise ValueError("must be the name or address of a host; a URL, which may hold a secret, is none")
        if ":" in host and not host.startswith("${"):
            raise ValueError("is an IPv6 address, of which Debezium takes none; write a name that leads to it")
        return host

    @field_validator("database")
    @classmethod
    def _check_database(cls, database: str) -> str:
        if found := [character for character in "?%+/" if character in database and not database.startswith("${")]:
            raise ValueError(f"has a {found[0]}, with which Debezium finds no database; rename the database")
        return database

    @model_validator(mode="after")
    def _check_certificates(self) -> Self:
        if self.sslrootcert and not self.sslmode.startswith("verify"):
            raise ValueError("sslrootcert is looked at by sslmode verify-ca and verify-full alone; write one of them")
        if (self.sslcert is None) != (self.sslkey is None):
            raise ValueError("write sslcert and sslkey, or neither")
        return self

    @field_validator("port")
    @classmethod
    def _check_port(cls, port: str) -> str:
        if port.isdigit() and not 0 < int(port) <= LAST_PORT:
            raise ValueError(f"must be a port, 1 to {LAST_PORT}")
        return port


class SourceLimits(FileModel):
    """Beyond which figures of a source the monitor says that something is wrong."""

    max_lag_s: float = Field(
        default=30,
        gt=0,
        le=600,
        description="Seconds from a commit until Kafka Connect has committed the position behind it.",
    )
    max_retained_wal_mb: int = Field(
        default=5_120,
        ge=1,
        description="MiB of WAL that PostgreSQL keeps for the slot; a full disk stops it. "
        "Backfills wait above four fifths of it.",
    )
    max_dead_letters: int = Field(default=0, ge=0, description="Dead letters that may wait.")


class Source(FileModel):
    """One PostgreSQL database: one Debezium connector, one slot, one publication."""

    name: Name
    postgres: PostgresSettings
    slot: SlotName = Field(
        default="", description="Replication slot; made when the source is deployed. Default: `pg2es_<source>`."
    )
    publication: SlotName = Field(
        default="",
        description="Publication; made, or extended, when the source is deployed. Default: `pg2es_<source>`.",
    )
    topic_prefix: Name = Field(
        default="",
        description="First part of the topics' names, `<prefix>.<schema>.<table>`. Default: the source's name.",
    )
    dead_letter_topic: TopicName = Field(
        default="",
        description="Topic of the records that could not become documents; kept until they are resolved. Replay what "
        "an old topic holds before changing it. Default: `<prefix>.dead-letters`.",
    )
    topic_partitions: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="Partitions of each table's topic and of the refresh topics, when they are made: so many tasks of "
        "a sink can share them.",
    )
    events: Events = Field(
        default=Events.KEYS,
        description="`keys`: events carry keys and the columns that lead to roots, no more. "
        "`full`: whole rows, where others consume the topics too.",
    )
    converter: Annotated[dict[str, str], BeforeValidator(_as_texts), AfterValidator(check_converter)] = Field(
        default_factory=lambda: dict(JSON_CONVERTER),
        description="What events are written by, where others read the topics with a schema registry: `class`, a "
        "converter that the workers of Kafka Connect have, and its own options, such as "
        "`apicurio.registry.url`. Secrets stand here as references. Default: JSON without schemas.",
    )
    heartbeat_interval_ms: int = Field(
        default=10_000,
        ge=1000,
        description="How often Debezium confirms its position when the tables are quiet.",
    )
    debezium: Annotated[dict[str, str], BeforeValidator(_as_texts), AfterValidator(check_options)] = Field(
        default_factory=dict,
        description="Further options of the Debezium connector, such as `max.batch.size` or "
        "`producer.override.compression.type`, over those that pg2es gives it. What changes the content or the order "
        "of events is refused. Secrets stand here as references.",
    )
    on_failover: OnFailover = Field(
        default=OnFailover.ADOPT,
        description="When a standby was promoted: `adopt` it by the DAG recover_<source>, which the DAG connectors "
        "triggers, or `stop`, until somebody runs that.",
    )
    monitor: SourceLimits = Field(
        default_factory=SourceLimits, description="Beyond which figures of the source something is wrong."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, values: dict[str, object]) -> dict[str, object]:
        name = str(values.get("name", ""))
        identifier = f"pg2es_{name.replace('-', '_')}"
        prefix = values.get("topic_prefix", name)
        defaults = {"topic_prefix": prefix, "dead_letter_topic": f"{prefix}.dead-letters"}
        return {"slot": identifier, "publication": identifier, **defaults, **values}

    @field_validator("name")
    @classmethod
    def _leave_out_reserved(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError("is reserved: pg2es_airflow is the connection to Airflow. Give the file another name")
        return name

    @property
    def connection(self) -> str:
        """Id of the Airflow connection that, where it exists, says how the source is reached."""
        return f"pg2es_{self.name}".replace("-", "_")

    @property
    def connector(self) -> str:
        """Name of the Debezium connector."""
        return f"pg2es-source-{self.name}"

    @property
    def pause_backfill_above_bytes(self) -> int:
        """WAL kept for the slot above which a backfill waits: well before the monitor says that it is too much."""
        return self.monitor.max_retained_wal_mb * 1024 * 1024 * 4 // 5

    @property
    def message_topic(self) -> str:
        """Topic of the logical decoding messages; barriers come out of it."""
        return f"{self.topic_prefix}.message"

    @property
    def replay_group(self) -> str:
        """Consumer group that reads the dead letters, so that its lag tells whether there are any."""
        return f"pg2es-replay-{self.name}"

    def refresh_topic(self, pipeline: str) -> str:
        """Topic of requests to refresh roots of a pipeline; no table's topic has a name without a second dot."""
        return f"{self.topic_prefix}.{pipeline}-refresh"

    def refresh_later_topic(self, pipeline: str) -> str:
        """Topic of the roots of a pipeline whose documents were deleted, for their second refresh."""
        return f"{self.topic_prefix}.{pipeline}-refresh-later"

    def refresh_topics(self, pipeline: str) -> tuple[str, str]:
        """Both of them."""
        return self.refresh_topic(pipeline), self.refresh_later_topic(pipeline)

    def topic_of(self, table: str) -> str:
        """Topic of a captured table (`schema.table`); like Debezium, without what Kafka allows in no name."""
        return f"{self.topic_prefix}.{_NO_TOPIC.sub(lambda match: '__' if match[0] > _LAST_UNIT else '_', table)}"
