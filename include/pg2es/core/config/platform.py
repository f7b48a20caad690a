"""Where Elasticsearch, Kafka and Kafka Connect are: `platform.yaml`."""

from pydantic import Field, field_validator

from pg2es.core.config.files import FileModel, Secret


def _split(value: object) -> object:
    """Accept `a,b` beside a list: an environment variable holds one text."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class ElasticsearchSettings(FileModel):
    """The Elasticsearch cluster and the users that pg2es has there."""

    urls: tuple[str, ...] = Field(min_length=1, description="Addresses of the nodes, tried in turn.")
    user: str = Field(description="User of the batch jobs: makes indices and aliases, reads and writes.")
    password: Secret = Field(description="Reference to its password.")
    sink_user: str = Field(
        description="User of the sink: may index, delete and read, but not create an index, "
        "so that a write that comes late never brings a removed generation back."
    )
    sink_password: Secret = Field(description="Reference to its password.")
    ca_certificate: str | None = Field(
        default=None, description="PEM file of the authority that signed the nodes' certificates."
    )

    _split_urls = field_validator("urls", mode="before")(_split)


class KafkaSettings(FileModel):
    """The Kafka cluster."""

    bootstrap: str = Field(description="Bootstrap servers, `host:port,host:port`.")
    replication_factor: int = Field(default=1, ge=1, le=32767, description="Replicas of the topics that pg2es creates.")
    properties: dict[str, str] = Field(
        default_factory=dict,
        description="Further client properties (security.protocol, sasl.…), given to every Kafka client of pg2es.",
    )


class ConnectSettings(FileModel):
    """The Kafka Connect cluster."""

    urls: tuple[str, ...] = Field(min_length=1, description="REST addresses of the workers, tried in turn.")
    user: str | None = Field(default=None, description="User of the REST interface, where it asks for one.")
    password: Secret | None = Field(default=None, description="Reference to its password.")
    mend_every_min: float | None = Field(
        default=2,
        gt=0,
        le=1_440,
        description="Minutes between two looks of the DAG connectors, which mends what is missing, differs or has "
        "failed; `null`: only on demand.",
    )
    max_restarts: int = Field(
        default=5,
        ge=0,
        description="How often a connector that failed is restarted, with pauses that double, before it is given up.",
    )
    producer_properties: dict[str, str] = Field(
        default_factory=dict,
        description="Settings of Kafka's Java producer (security.protocol, sasl.jaas.config, …) for the sinks, which "
        "write to the refresh topics. Secrets stand here as references, which the workers resolve.",
    )

    _split_urls = field_validator("urls", mode="before")(_split)


class PlatformMonitor(FileModel):
    """Beyond which figures of the clusters the monitor says that something is wrong, and whom it notifies."""

    every_s: float | None = Field(
        default=60,
        ge=5,
        le=86_400,
        description="Seconds between two looks of the DAG monitor; `null`: only on demand. A stream that stands still "
        "is found at most so much later than `max_lag_s` and `max_freshness_s` say.",
    )
    max_heap_percent: int = Field(default=90, ge=1, le=100, description="Heap that a node of Elasticsearch uses.")
    max_rejections: int = Field(
        default=0,
        ge=0,
        description="Bulk requests that a node of Elasticsearch refuses between two looks. They are sent again.",
    )
    keep_days: int = Field(
        default=14, ge=1, le=3650, description="Days for which the console's charts keep the figures of each look."
    )
    notify: tuple[str, ...] = Field(
        default=(),
        description="Airflow connections of type `apprise` (mail, Slack, webhooks, …) that the DAG monitor notifies "
        "when something begins to be wrong, and when it is over.",
    )


class Platform(FileModel):
    """The clusters that every source and pipeline shares."""

    elasticsearch: ElasticsearchSettings
    kafka: KafkaSettings
    connect: ConnectSettings
    monitor: PlatformMonitor = Field(
        default_factory=PlatformMonitor,
        description="Beyond which figures of the clusters something is wrong, and who is notified.",
    )
