"""The configurations of the Debezium source and of the sinks, made from the files. The only place that writes them."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pg2es.core.config import (
    CLASS,
    ElasticsearchSettings,
    Events,
    Pipeline,
    Platform,
    Related,
    Source,
    Tolerance,
    can_name,
    find_reference,
    is_secret,
    reads,
    tells_null,
)
from pg2es.core.errors import CatalogError
from pg2es.core.sql import DocumentSql, all_roots, protocol, rootless_keys, route_columns, route_sql
from pg2es.core.table import Table

Config = dict[str, str]

SOURCE_CLASS = "io.debezium.connector.postgresql.PostgresConnector"
SINK_CLASS = "io.pg2es.connect.ElasticsearchSinkConnector"

_BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"


@dataclass(frozen=True)
class Captured:
    """A table that the source captures, and the columns that its events need."""

    table: Table
    columns: tuple[str, ...]


def captured_tables(source: Source, pipelines: list[tuple[Pipeline, DocumentSql, dict[str, Table]]]) -> list[Captured]:
    """Return the tables that these pipelines need captured, by name, each with its key and root columns.

    Raises CatalogError for one that Debezium, or the converter of the source, does not take.
    """
    needed: dict[str, set[str]] = {}
    tables: dict[str, Table] = {}
    for pipeline, sql, related_tables in pipelines:
        tables[pipeline.table] = sql.table
        needed.setdefault(pipeline.table, set()).update(sql.key.names)
        for related in pipeline.related:
            changed = related_tables[related.table]
            tables[related.table] = changed
            _check_nulls(source, related, changed)
            needed.setdefault(related.table, set()).update(route_columns(related, changed))
    for table in tables.values():
        _check_case(table)
    captured = [
        Captured(
            tables[name],
            tuple(c.name for c in tables[name].columns if c.name in needed[name] or c.name in tables[name].primary_key),
        )
        for name in sorted(needed)
    ]
    for entry in captured:
        _check_names(source, entry)
    return captured


def _check_case(table: Table) -> None:
    """Debezium fails for such a table as soon as it sees a change of it, and with it the whole source."""
    folded = Counter(column.name.lower() for column in table.columns)
    alike = [column.name for column in table.columns if folded[column.name.lower()] > 1]
    if alike:
        raise CatalogError(
            f"Columns {' and '.join(alike)} of table {table.name} differ in case only, for which Debezium stops the "
            f"whole source. Rename one of them."
        )


def _check_nulls(source: Source, related: Related, changed: Table) -> None:
    """SQL may have a use for a NULL, which some converters tell as the column's default."""
    if not related.roots_sql or tells_null(source.converter):
        return
    used = route_columns(related, changed)
    for column in changed.columns:
        if column.name in used and column.has_default and not column.not_null:
            raise CatalogError(
                f"Column {column.name} of table {changed.name} has a default, which {source.converter[CLASS]} would "
                f"write in the place of a NULL, so that roots_sql finds other roots. Make it NOT NULL, drop its "
                f"default, or take another converter."
            )


def _check_names(source: Source, captured: Captured) -> None:
    """A name that a schema cannot have would be another in the events, or stop the whole source."""
    written = [c.name for c in captured.table.columns] if source.events is Events.FULL else captured.columns
    if unnamed := [name for name in written if not can_name(source.converter, name)]:
        raise CatalogError(
            f"Column {unnamed[0]} of table {captured.table.name} can have no such name in events of "
            f"{source.converter[CLASS]}, which takes letters, digits and _. Rename it, or leave converter out of "
            f"sources/{source.name}.yaml."
        )


def source_config(source: Source, captured: list[Captured], resolved: dict[str, Any]) -> Config:
    """Return the Debezium connector's configuration. `resolved` are the source's settings without references."""
    config = {
        "connector.class": SOURCE_CLASS,
        "tasks.max": "1",
        "database.hostname": resolved["host"],
        "database.port": resolved["port"],
        "database.user": resolved["user"],
        "database.password": source.postgres.password,
        "database.dbname": resolved["database"],
        **{f"database.{name}": value for name, value in resolved.items() if name.startswith("ssl")},
        "plugin.name": "pgoutput",
        "slot.name": source.slot,
        "publication.name": source.publication,
        "publication.autocreate.mode": "disabled",
        "topic.prefix": source.topic_prefix,
        "table.include.list": ",".join(_exactly(c.table.name) for c in captured),
        # Where the rows are is pg2es' own business (backfill); the stream starts at the slot.
        "snapshot.mode": "no_data",
        "tombstones.on.delete": "false",
        "skipped.operations": "none",
        "decimal.handling.mode": "string",
        "time.precision.mode": "isostring",
        "binary.handling.mode": "hex",
        "interval.handling.mode": "string",
        # Each refresh writes a message to take its version: nobody's business. Barriers have a prefix of their own.
        "message.prefix.exclude.list": "pg2es",
        # Debezium sleeps for so long, twice, whenever it has nothing: by default half a second each. With 20 it takes
        # 31 ms (median) until Elasticsearch has acknowledged a change, with 10 it takes 20; an idle connector costs a
        # twentieth of a core with 20, a tenth with 10 (docs/performance.md).
        "poll.interval.ms": "20",
        # Nobody reads them, and each costs the sink a parse that fails.
        "extended.headers.enabled": "false",
        # Events of one table are alike: together they are small, and take less time at both ends (docs/scaling.md).
        "producer.override.compression.type": "lz4",
        "producer.override.batch.size": "262144",
        # Of a connection that the network has forgotten: every ten seconds Debezium asks something, and waits so long.
        "driver.socketTimeout": "60",
        "heartbeat.interval.ms": str(source.heartbeat_interval_ms),
        "errors.max.retries": "-1",
        # Debezium cannot be stopped while it waits so long before it connects again, by default ten seconds.
        "retriable.restart.connector.wait.ms": "1000",
        **_converter("key", source.converter),
        **_converter("value", source.converter),
        # Of the names of schemas, which nobody looks up by; as they are, few registries would take all of them.
        "schema.name.adjustment.mode": "avro",
        **source.debezium,
    }
    if source.events is Events.KEYS:
        config["column.include.list"] = ",".join(
            _exactly(c.table.name, column) for c in captured for column in c.columns
        )
    return config


def _converter(side: str, converter: dict[str, str]) -> Config:
    """Return the options that choose a converter for the keys or the values of records."""
    options = {f"{side}.converter.{name}": value for name, value in converter.items() if name != CLASS}
    return {f"{side}.converter": converter[CLASS], **options}


def _exactly(*names: str) -> str:
    """Return a Debezium pattern that matches this name alone; a comma would end it."""
    return "".join(f"\\{c}" if c in "\\^$.|?*+()[]{}," else c for c in ".".join(names))


def with_all_captured(config: Config, current: Config) -> Config:
    """Return a source's configuration that captures what the `current` one does, too."""
    lists = ("table.include.list", "column.include.list")
    both = {name: _patterns(config[name]) | _patterns(current.get(name, "")) for name in lists if name in config}
    return config | {name: ",".join(sorted(patterns)) for name, patterns in both.items()}


def _patterns(listed: str) -> set[str]:
    return {pattern for pattern in re.split(r"(?<!\\),", listed) if pattern}


def _listed(names: Iterable[str]) -> str:
    """Return names of columns as a list of Kafka's configuration, which splits at commas and drops outer blanks."""
    return ",".join(name.replace("%", "%25").replace(",", "%2C").replace(" ", "%20") for name in names)


@dataclass(frozen=True)
class Route:
    """How a topic's changed rows lead to roots: these columns are the root's key, or parameters of `sql`."""

    topic: str
    columns: tuple[str, ...]
    sql: str | None = None

    def options(self, name: str) -> Config:
        """Return the route as options of the sink."""
        options = {"topic": self.topic, "columns": _listed(self.columns)}
        if self.sql:
            options["sql"] = self.sql
        return {f"route.{name}.{option}": value for option, value in options.items()}


def elasticsearch_login(settings: ElasticsearchSettings, user: str | None) -> Config:
    """Return the options of a sink's login to Elasticsearch; `user`: the name that `sink_user` refers to."""
    if user and settings.sink_password:
        return {"elasticsearch.user": user, "elasticsearch.password": settings.sink_password}
    if settings.sink_token:
        return {"elasticsearch.token": settings.sink_token}
    return {"elasticsearch.api.key": settings.sink_api_key or ""}


@dataclass(frozen=True)
class SinkTarget:
    """What a sink connects to, with the references of secrets kept as they are."""

    postgres_url: str
    postgres_user: str
    postgres_password: str
    elasticsearch_urls: tuple[str, ...]
    elasticsearch_login: Config
    ca_certificate: str | None
    client_certificate: str | None
    kafka_bootstrap: str


def sink_config(
    pipeline: Pipeline,
    source: Source,
    platform: Platform,
    generation: str,
    sql: DocumentSql,
    related_tables: dict[str, Table],
    target: SinkTarget,
    server_version: int,
) -> Config:
    """Return the configuration of the sink that feeds one generation, all SQL rendered."""
    routes = make_routes(pipeline, source, sql, related_tables)
    changes = sorted({route.topic for route in routes.values()})
    config = {
        "connector.class": SINK_CLASS,
        "tasks.max": str(pipeline.stream.tasks),
        "pipeline": pipeline.name,
        "index": generation,
        "topics": ",".join([*changes, *source.refresh_topics(pipeline.name)]),
        "postgres.url": target.postgres_url,
        "postgres.user": target.postgres_user,
        "postgres.password": target.postgres_password,
        "elasticsearch.urls": ",".join(target.elasticsearch_urls),
        **target.elasticsearch_login,
        "key.columns": _listed(sql.key.names),
        "sql.session": protocol.SESSION,
        "sql.identity": protocol.IDENTITY,
        "sql.fence": protocol.FENCE_PASSED,
        "sql.visible": protocol.VISIBLE,
        "sql.transaction.status": protocol.TRANSACTION_STATUS,
        "sql.version": protocol.VERSION,
        "sql.documents": sql.by_keys(),
        "sql.flush": protocol.flush(server_version),
        "sql.roots": all_roots(sql.table, sql.key),
        "sql.rootless": rootless_keys(sql.table, sql.key),
        "routes": ",".join(routes),
        "refresh.topic": source.refresh_topic(pipeline.name),
        "refresh.later.topic": source.refresh_later_topic(pipeline.name),
        "refresh.later.delay.ms": str(pipeline.stream.refresh_deleted_after_min * 60_000),
        "refresh.spread.roots": str(pipeline.stream.spread_roots),
        "kafka.bootstrap.servers": target.kafka_bootstrap,
        **{f"kafka.{name}": value for name, value in platform.connect.producer_properties.items()},
        "batch.roots": str(pipeline.stream.batch_roots),
        "bulk.flights": str(pipeline.stream.bulk_flights),
        "document.max.bytes": str(pipeline.max_document_bytes),
        **_error_options(pipeline, source, platform),
        # A batch collapses the events of one root, so larger polls do less work.
        "consumer.override.max.poll.records": "2000",
        # A position that Kafka no longer has is a loss: the task fails and says so instead of skipping it.
        "consumer.override.auto.offset.reset": "none",
        # A task's consumer that died with its worker keeps its partitions for so long; Kafka's own value is 45 s.
        "consumer.override.session.timeout.ms": "10000",
        **_converter("value", reads(source.converter)),
        # Of changes of no use here, whatever they are, and so not parsed; of requests the sink reads them itself.
        "key.converter": _BYTES,
        "header.converter": _BYTES,
    }
    if target.ca_certificate:
        config["elasticsearch.ca.certificate"] = target.ca_certificate
    if target.client_certificate:
        config["elasticsearch.client.certificate"] = target.client_certificate
    for name, route in routes.items():
        config |= route.options(name)
    _refuse_references(pipeline, config)
    return config


_REFERENCES = ("postgres.password", "elasticsearch.password", "elasticsearch.api.key", "elasticsearch.token")


def _refuse_references(pipeline: Pipeline, config: Config) -> None:
    """Raise CatalogError where a worker would put a value from outside, a password perhaps, in the place of a name."""
    for option, value in config.items():
        may_refer = option in _REFERENCES or option.startswith(("kafka.", "value.converter."))
        if not may_refer and (reference := find_reference(value)):
            raise CatalogError(
                f"Pipeline {pipeline.name}: {reference} would stand in the option {option} of its sink, and Kafka "
                f"Connect would put a value from outside in its place. Rename the table or column that is called so."
            )


def make_routes(
    pipeline: Pipeline, source: Source, sql: DocumentSql, related_tables: dict[str, Table]
) -> dict[str, Route]:
    """Return the ways from changed rows to the pipeline's roots, by name."""
    routes = {"root": Route(source.topic_of(pipeline.table), sql.key.names)}
    for number, related in enumerate(pipeline.related, start=1):
        changed = related_tables[related.table]
        routes[f"related{number}"] = Route(
            source.topic_of(related.table),
            route_columns(related, changed),
            route_sql(related, changed, sql.table, sql.key),
        )
    return routes


def _error_options(pipeline: Pipeline, source: Source, platform: Platform) -> Config:
    """What Elasticsearch refuses goes to the dead-letter topic with the reason, or stops the sink; none is dropped."""
    options = {
        "errors.tolerance": pipeline.errors.tolerance.value,
        "errors.log.enable": "true",
        "retry.initial.ms": str(pipeline.errors.retry_initial_ms),
        "retry.max.ms": str(pipeline.errors.retry_max_ms),
    }
    if pipeline.errors.tolerance is Tolerance.ALL:
        options |= {
            "errors.deadletterqueue.topic.name": source.dead_letter_topic,
            "errors.deadletterqueue.topic.replication.factor": str(platform.kafka.replication_factor),
            "errors.deadletterqueue.context.headers.enable": "true",
        }
    return options


def feeds_from(source: Source, config: Config) -> bool:
    """Return whether a connector is a sink that reads the source."""
    return config.get("refresh.topic") == source.refresh_topic(config.get("pipeline", ""))


def topics_of(config: Config) -> list[str]:
    """Return the topics that a sink reads."""
    return config["topics"].split(",")


def topics_to_reach(config: Config) -> list[list[str]]:
    """Topics whose ends a sink has to reach, one after another, until changes that are in its topics are done.

    A change may go on as pages in the refresh topic, and a request there for all documents as pages behind it.
    Refreshes that are due later are not waited for.
    """
    topics = set(topics_of(config))
    refresh = config.get("refresh.topic")
    if refresh is None:  # deployed by a version that had none
        return [sorted(topics)]
    return [sorted(topics - {refresh, config["refresh.later.topic"]}), [refresh], [refresh]]


def masked(config: Config) -> str:
    """Return a configuration for a log."""
    return json.dumps({name: "***" if is_secret(name) else value for name, value in config.items()})
