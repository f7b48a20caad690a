"""Where Elasticsearch, Kafka and Kafka Connect are: `platform.yaml`."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from pg2es.core.config.files import FileModel, Secret
from pg2es.core.config.references import refuse_secrets


def _split(value: object) -> object:
    """Accept `a,b` beside a list: an environment variable holds one text."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class ElasticsearchSettings(FileModel):
    """The Elasticsearch cluster and the logins that pg2es has there: a user each, an API key, or a token."""

    urls: tuple[str, ...] = Field(
        default=(), description="Addresses of the nodes, tried in turn; with the path where a proxy has them under one."
    )
    cloud_id: str | None = Field(default=None, description="Cloud ID of a deployment at Elastic, instead of `urls`.")
    user: str | None = Field(
        default=None, description="User of the batch jobs: makes indices and aliases, reads and writes."
    )
    password: Secret | None = Field(default=None, description="Reference to its password.")
    api_key: Secret | None = Field(
        default=None, description="Reference to an encoded API key, instead of user and password."
    )
    token: Secret | None = Field(
        default=None, description="Reference to a bearer token, such as a service account's, instead of both."
    )
    sink_user: str | None = Field(
        default=None,
        description="User of the sink: may index, delete and read, but not create an index, "
        "so that a write that comes late never brings a removed generation back.",
    )
    sink_password: Secret | None = Field(default=None, description="Reference to its password.")
    sink_api_key: Secret | None = Field(
        default=None, description="Reference to an encoded API key with the same rights, instead of that user."
    )
    sink_token: Secret | None = Field(
        default=None, description="Reference to a bearer token with the same rights, instead of both."
    )
    ca_certificate: str | None = Field(
        default=None, description="PEM file of the authority that signed the nodes' certificates."
    )
    client_certificate: str | None = Field(
        default=None,
        description="PEM file with the certificate that the cluster, or a proxy before it, asks for, and its key.",
    )

    _split_urls = field_validator("urls", mode="before")(_split)

    @model_validator(mode="after")
    def _check_logins(self) -> Self:
        for whose in ("", "sink_"):
            login = {name: getattr(self, f"{whose}{name}") for name in ("user", "password", "api_key", "token")}
            given = {name for name, value in login.items() if value is not None}
            if given not in ({"user", "password"}, {"api_key"}, {"token"}):
                raise ValueError(
                    f"write {whose}user and {whose}password, or {whose}api_key, or {whose}token: one login"
                )
        return self

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if bool(self.urls) == bool(self.cloud_id):
            raise ValueError("write urls, or cloud_id: one of them")
        return self


class KafkaSettings(FileModel):
    """The Kafka cluster."""

    bootstrap: str = Field(description="Bootstrap servers, `host:port,host:port`.")
    replication_factor: int = Field(default=1, ge=1, le=32767, description="Replicas of the topics that pg2es creates.")
    properties: dict[str, str] = Field(
        default_factory=dict,
        description="Further properties of librdkafka (security.protocol, sasl.…), given to every Kafka client of the "
        "batch jobs. Secrets stand here as references.",
    )

    _check_properties = field_validator("properties")(refuse_secrets)


class ConnectSettings(FileModel):
    """The Kafka Connect cluster."""

    urls: tuple[str, ...] = Field(min_length=1, description="REST addresses of the workers, tried in turn.")
    user: str | None = Field(default=None, description="User of the REST interface, where it asks for one.")
    password: Secret | None = Field(default=None, description="Reference to its password.")
    ca_certificate: str | None = Field(
        default=None, description="PEM file of the authority that signed the certificates of the REST interface."
    )
    client_certificate: str | None = Field(
        default=None, description="PEM file with the certificate that the REST interface asks for, and its key."
    )
    files: dict[str, str] = Field(
        default_factory=dict,
        description="Where the workers have files that these settings and the sources name, if not at the same place: "
        "`/path/here: /path/there`. A folder stands for all that is in it.",
    )
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
    _check_properties = field_validator("producer_properties")(refuse_secrets)


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


class AirflowSettings(FileModel):
    """What pg2es takes of Airflow, and where its API is for those who start the DAGs from the shell."""

    pool: str = Field(
        default="default_pool",
        min_length=1,
        description="Pool of the chunks that backfills and reindexes copy: its slots bound how many are copied at the "
        "same time, over all pipelines. It has to exist.",
    )
    url: str | None = Field(default=None, description="Address of Airflow's API server, for `pg2es … --airflow`.")
    user: str | None = Field(default=None, description="Who starts the runs there.")
    password: Secret | None = Field(default=None, description="Reference to the user's password.")
    token: Secret | None = Field(default=None, description="Reference to a bearer token, instead of both.")
    ca_certificate: str | None = Field(
        default=None, description="PEM file of the authority that signed the certificate of the API server."
    )

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        given = {name for name in ("user", "password", "token") if getattr(self, name) is not None}
        if given not in (set(), {"user", "password"}, {"token"}) or (given and not self.url):
            raise ValueError("write url, and user and password, or token: one login")
        return self


class Platform(FileModel):
    """The clusters that every source and pipeline shares."""

    elasticsearch: ElasticsearchSettings
    kafka: KafkaSettings
    connect: ConnectSettings
    airflow: AirflowSettings = Field(
        default_factory=AirflowSettings, description="What pg2es takes of Airflow, and where its API is."
    )
    monitor: PlatformMonitor = Field(
        default_factory=PlatformMonitor,
        description="Beyond which figures of the clusters something is wrong, and who is notified.",
    )
