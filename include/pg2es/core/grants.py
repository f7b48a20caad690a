"""What gives pg2es the rights that it needs for what is configured, and no more.

    PostgreSQL      one role for batch jobs, Debezium and sinks: it reads, and owns nothing
    Elasticsearch   a login for the batch jobs; one for the sinks, which may not make an index
    Kafka           a login for the batch jobs; that of the Connect workers, which is theirs before it is ours

Administrators run it; pg2es never does.
"""

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pg2es.core.config import ElasticsearchSettings, Pipeline, Source
from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import DAY_INDEX_PREFIX
from pg2es.core.reports import REPORTS_INDEX
from pg2es.core.sql import grants


class Server(StrEnum):
    """Where rights are given."""

    POSTGRES = "postgres"
    ELASTICSEARCH = "elasticsearch"
    KAFKA = "kafka"


Role = dict[str, Any]
"""The body of a role of Elasticsearch."""


def postgres(source: Source, pipelines: Sequence[Pipeline], *, role: str, database: str) -> str:
    """Return SQL for the role of a source, which is run in its database by whoever owns the tables and makes roles."""
    tables = sorted({table for pipeline in pipelines for table in pipeline.tables})
    statements = [grants.make_role(role), grants.allow_connecting(database, role)]
    if tables:
        statements += [
            grants.allow_schemas(tables, role),
            grants.allow_tables(tables, role),
            grants.publish(source.publication, tables),
        ]
    return "\n".join(f"{statement};" for statement in statements)


def elasticsearch_roles(pipelines: Iterable[Pipeline]) -> tuple[Role, Role]:
    """Return the role of the batch jobs and that of the sinks."""
    aliases = sorted(pipeline.alias for pipeline in pipelines)
    generations = [f"{alias}-*" for alias in aliases]
    own = [*aliases, *generations, REPORTS_INDEX, f"{DAY_INDEX_PREFIX}*"]
    return (
        _role(own, "manage", "read", "write"),
        # Neither create_index nor auto_configure: a write that comes late must not bring a removed generation back.
        _role(generations, "read", "index", "delete", "maintenance", "view_index_metadata"),
    )


def elasticsearch(settings: ElasticsearchSettings, pipelines: Iterable[Pipeline]) -> str:
    """Return requests, as Kibana's console takes them: a role for each login, or an API key with the same rights."""
    batch, sink = elasticsearch_roles(pipelines)
    logins = (("pg2es", settings.api_key, batch), ("pg2es_sink", settings.sink_api_key, sink))
    return "\n".join(_elasticsearch_request(name, role, is_key=key is not None) for name, key, role in logins)


def _role(names: list[str], *privileges: str) -> Role:
    return {"cluster": ["monitor"], "indices": [{"names": names, "privileges": list(privileges)}]}


def _elasticsearch_request(name: str, role: Role, *, is_key: bool) -> str:
    if is_key:
        request, body = "POST /_security/api_key", {"name": name, "role_descriptors": {name: role}}
    else:
        request, body = f"PUT /_security/role/{name}", role
    return f"{request}\n{json.dumps(body, indent=2)}\n"


@dataclass(frozen=True)
class Acl:
    """A rule of Kafka: who may do what with a topic or a group, or with all whose names begin so."""

    principal: str
    operations: tuple[str, ...]
    resource: str
    name: str
    prefixed: bool = False

    def options(self) -> list[str]:
        """Return the rule as options of `kafka-acls.sh`."""
        return [
            "--add",
            "--allow-principal",
            self.principal,
            *(word for operation in self.operations for word in ("--operation", operation)),
            f"--{self.resource}",
            self.name,
            *(["--resource-pattern-type", "prefixed"] if self.prefixed else []),
        ]


def kafka_rules(source: Source, pipelines: Iterable[Pipeline], *, batch: str, workers: str) -> Iterator[Acl]:
    """Give the rules for the topics and groups of a source; principals are written as Kafka does, `User:pg2es`."""
    prefix, heartbeat = f"{source.topic_prefix}.", f"__debezium-heartbeat.{source.topic_prefix}"
    dead_letters, sinks = source.dead_letter_topic, f"connect-{sink_connector('')}"
    topics = [heartbeat, *([] if dead_letters.startswith(prefix) else [dead_letters])]
    yield Acl(batch, ("Create", "Describe", "DescribeConfigs"), "topic", prefix, prefixed=True)
    for topic in topics:
        yield Acl(batch, ("Create", "Describe", "DescribeConfigs"), "topic", topic)
    yield Acl(batch, ("Read", "Write", "Delete", "AlterConfigs"), "topic", dead_letters)
    for pipeline in pipelines:
        for topic in source.refresh_topics(pipeline.name):
            yield Acl(batch, ("Write",), "topic", topic)
    yield Acl(batch, ("Read",), "group", source.replay_group)
    yield Acl(batch, ("Describe",), "group", sinks, prefixed=True)
    yield Acl(workers, ("Read", "Write", "Describe"), "topic", prefix, prefixed=True)
    for topic in topics:
        yield Acl(workers, ("Write", "Describe"), "topic", topic)
    yield Acl(workers, ("Read", "Delete"), "group", sinks, prefixed=True)


def kafka(rules: Iterable[Acl], bootstrap: str) -> str:
    """Return the commands that make the rules; `admin.properties` has the login of whoever may."""
    start = ["kafka-acls.sh", "--bootstrap-server", bootstrap, "--command-config", "admin.properties"]
    return "\n".join(shlex.join([*start, *rule.options()]) for rule in dict.fromkeys(rules))
