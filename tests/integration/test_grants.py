"""`pg2es grants`: what it prints is enough for everything that pg2es does, and for nothing else.

A role, users and principals that nobody has seen before get what is printed and no more. The embedded Elasticsearch has
roles in files; the worker of Kafka Connect logs in to Kafka, too.
"""

import argparse
import json
import os
import secrets
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from elasticsearch import AuthenticationException, AuthorizationException, Elasticsearch
from psycopg.errors import InsufficientPrivilege

from pg2es.services import dead_letters as replay
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import pass_barrier, remove_source
from pg2es.services.waiting import wait_for
from stack.config import load_config
from stack.identity import find_service_user
from stack.launcher import Stack
from stack.services.elasticsearch import hash_password
from tests import oracle
from tests.integration.batch import run_backfill
from tests.integration.conftest import Run
from tests.integration.secret_file import secret_file
from tests.integration.test_kafka_login import LOGIN, producer_login
from tests.support import Database, ProjectFolder, new_name

WORKER = "connect-standalone"
ROWS = 50
MAPPING = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {"dynamic": False, "properties": {"number": {"type": "integer"}}},
}


@dataclass(frozen=True)
class Logins:
    """Names that nobody has: the role, the users of Elasticsearch, the principals of Kafka; one password for all."""

    name: str
    password: str
    file: Path

    @property
    def reference(self) -> str:
        """How the files name the password."""
        return f"${{file:{self.file}:password}}"

    @property
    def kafka(self) -> dict[str, str]:
        """Properties by which the batch jobs log in."""
        return LOGIN | {"sasl.username": f"{self.name}_batch", "sasl.password": self.reference}

    @property
    def worker(self) -> dict[str, str]:
        """Settings by which a Java client of the worker logs in."""
        return producer_login("SCRAM-SHA-512", self.file, user=f"{self.name}_workers")


@pytest.fixture
def logins() -> Iterator[Logins]:
    """Names and a password, which the worker reads in a file."""
    password = secrets.token_urlsafe(16)
    with secret_file({"password": password}) as file:
        yield Logins(new_name(), password, file)


@pytest.fixture
def granted(
    project_folder: ProjectFolder,
    database: Database,
    logins: Logins,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ProjectFolder]:
    """A project whose logins have what `pg2es grants` prints for it."""
    database.execute_as_superuser(
        "CREATE SCHEMA app",
        "CREATE TABLE app.notes (id bigint PRIMARY KEY, author bigint, number text)",
        "CREATE TABLE app.authors (id bigint PRIMARY KEY, name text)",
        "CREATE TABLE app.secret (id bigint PRIMARY KEY)",
        f"INSERT INTO app.notes SELECT n, n % 5, n::text FROM generate_series(1, {ROWS}) n",
        "INSERT INTO app.authors SELECT n, 'author ' || n FROM generate_series(0, 4) n",
        f'REVOKE CONNECT ON DATABASE "{database.name}" FROM PUBLIC',
    )
    configure(project_folder, logins)
    config = load_config()
    stack = Stack(replace(config, settings={**config.settings, "connect": worker_settings(logins)}))
    monkeypatch.setenv("PG2ES_CONNECT_URLS", load_config().url("connect_standalone"))
    with kafka_users(logins), elasticsearch_files():
        give_all(run, database, logins)
        stack.start(WORKER)
        try:
            yield project_folder
            clients = project_folder.clients()
            source = project_folder.source_model()
            removed = remove_source(clients, source)
            assert f"publication {source.publication}" not in removed, "it is the administrator's"
        finally:
            stack.kill(WORKER)
    database.execute_as_superuser(f'DROP OWNED BY "{logins.name}"', f'DROP ROLE "{logins.name}"')


def configure(folder: ProjectFolder, logins: Logins) -> None:
    """Write the files with these logins, and a pipeline with a related table."""
    platform = folder.clients().project.platform
    folder.change(
        "platform.yaml",
        kafka={"bootstrap": "${env:PG2ES_KAFKA_SASL_BOOTSTRAP}", "properties": logins.kafka},
        elasticsearch={
            "urls": list(platform.elasticsearch.urls),
            "user": f"{logins.name}_batch",
            "password": logins.reference,
            "sink_user": f"{logins.name}_sink",
            "sink_password": logins.reference,
        },
        connect=platform.connect.model_dump(exclude_defaults=True) | {"producer_properties": logins.worker},
    )
    postgres = folder.source_model().postgres.model_dump(exclude_defaults=True)
    folder.change(
        f"sources/{folder.source}.yaml", postgres=postgres | {"user": logins.name, "password": logins.reference}
    )
    folder.add_pipeline(
        "notes",
        "app.notes",
        document="SELECT n.id, n.number, a.name FROM root n JOIN app.authors a ON a.id = n.author",
        mapping=MAPPING,
        related=[
            {
                "table": "app.authors",
                "roots_sql": "SELECT n.id FROM app.notes n JOIN changed ON n.author = changed.id",
            }
        ],
    )


def worker_settings(logins: Logins) -> dict[str, str]:
    """Return the settings of the stack's workers, for one whose clients all log in."""
    prefixes = ("", "producer.", "consumer.", "admin.")
    clients = {f"{prefix}{name}": value for prefix in prefixes for name, value in logins.worker.items()}
    places = {"bootstrap.servers": os.environ["PG2ES_KAFKA_SASL_BOOTSTRAP"]}
    return {**load_config().settings["connect"], **clients, **places}


@contextmanager
def kafka_users(logins: Logins) -> Iterator[None]:
    """Let Kafka know the two users; they and their rules go at the end."""
    admin = AdminClient({"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"]})
    names = (f"{logins.name}_batch", f"{logins.name}_workers")
    how = ScramMechanism.SCRAM_SHA_512
    made: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(name, ScramCredentialInfo(how, 4096), logins.password.encode()) for name in names
    ]
    finish(admin.alter_user_scram_credentials(made))
    yield
    for name in names:
        rules = AclBindingFilter(
            restype=ResourceType.ANY,
            name=None,  # type: ignore[arg-type]  # any
            resource_pattern_type=ResourcePatternType.ANY,
            principal=f"User:{name}",
            host=None,  # type: ignore[arg-type]  # any
            operation=AclOperation.ANY,
            permission_type=AclPermissionType.ANY,
        )
        finish(admin.delete_acls([rules]))
    finish(admin.alter_user_scram_credentials([UserScramCredentialDeletion(name, how) for name in names]))


@contextmanager
def elasticsearch_files() -> Iterator[None]:
    """Put the files of Elasticsearch's users back at the end."""
    files = {name: (elasticsearch_folder() / name).read_text() for name in ("roles.yml", "users", "users_roles")}
    yield
    for name, text in files.items():
        write_elasticsearch(name, text)


def elasticsearch_folder() -> Path:
    """Where the stack's Elasticsearch has its configuration."""
    return load_config().data / "elasticsearch" / "config"


def write_elasticsearch(name: str, text: str) -> None:
    """Write one of its files, which it reads again within some seconds."""
    find_service_user(load_config()).write_file(elasticsearch_folder() / name, text)


def finish(futures: dict[Any, Any]) -> None:
    """Wait until a request of Kafka is carried out."""
    for future in futures.values():
        future.result(30)


def give_all(run: Run, database: Database, logins: Logins) -> None:
    """Run what is printed, as administrators do."""
    status, text, _ = run("grants", "postgres")
    assert status == 0
    again = (text, text)  # a second time changes nothing
    database.execute_as_superuser(*again, f"ALTER ROLE \"{logins.name}\" PASSWORD '{logins.password}'")
    give_roles(run("grants", "elasticsearch")[1], logins)
    give_rules(run("grants", "kafka", "--workers", f"User:{logins.name}_workers")[1])


def give_roles(requests: str, logins: Logins) -> None:
    """Give users the roles that are printed as requests of Elasticsearch; the embedded one has them in files."""
    users = {"pg2es": f"{logins.name}_batch", "pg2es_sink": f"{logins.name}_sink"}
    roles = {}
    for request in requests.strip().split("\n\n"):
        head, _, body = request.partition("\n")
        name = head.removeprefix("PUT /_security/role/")
        roles[users[name]] = json.loads(body)
    for file, lines in {
        "roles.yml": [f"{user}: {json.dumps(role)}" for user, role in roles.items()],
        "users": [f"{user}:{hash_password(logins.password)}" for user in roles],
        "users_roles": [f"{user}:{user}" for user in roles],
    }.items():
        text = (elasticsearch_folder() / file).read_text()
        write_elasticsearch(file, "\n".join([text.rstrip("\n"), *lines]) + "\n")
    for user in users.values():
        wait_for(
            partial(may_read_health, user, logins.password),
            timeout_s=60,
            on_timeout=partial(AssertionError, f"Elasticsearch does not know {user}"),
        )


def open_as(user: str, password: str) -> Elasticsearch:
    """Return a client of a user."""
    return Elasticsearch(os.environ["PG2ES_ELASTICSEARCH_URLS"].split(","), basic_auth=(user, password))


def may_read_health(user: str, password: str) -> bool:
    """Return whether Elasticsearch lets a user in who may look at the cluster."""
    with open_as(user, password) as client:
        try:
            client.cluster.health()
        except (AuthenticationException, AuthorizationException):
            return False
    return True


def give_rules(commands: str) -> None:
    """Give Kafka the rules that are printed as commands of kafka-acls.sh."""
    options = argparse.ArgumentParser()
    for name in ("--bootstrap-server", "--command-config", "--allow-principal", "--topic", "--group"):
        options.add_argument(name)
    options.add_argument("--add", action="store_true", required=True)
    options.add_argument("--operation", action="append", required=True)
    options.add_argument("--resource-pattern-type", choices=["prefixed"])
    bindings = []
    for command in commands.splitlines():
        script, *words = shlex.split(command)
        assert script == "kafka-acls.sh"
        found = options.parse_args(words)
        kind, name = (ResourceType.TOPIC, found.topic) if found.topic else (ResourceType.GROUP, found.group)
        pattern = ResourcePatternType.PREFIXED if found.resource_pattern_type else ResourcePatternType.LITERAL
        for operation in found.operation:
            # kafka-acls.sh reads the names without their case and with the words apart or together.
            [matching] = [o for o in AclOperation if o.name.replace("_", "") == operation.upper()]
            bindings.append(
                AclBinding(kind, name, pattern, found.allow_principal, "*", matching, AclPermissionType.ALLOW)
            )
    admin = AdminClient({"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"]})
    finish(admin.create_acls(bindings))


def test_it_is_enough_and_no_more(
    granted: ProjectFolder, database: Database, logins: Logins, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_everything(granted, database, run)
    do_nothing_else(granted, logins)
    monkeypatch.setenv("PG2ES_POSTGRES_USER", logins.name)
    monkeypatch.setenv("PG2ES_POSTGRES_PASSWORD", logins.password)
    clients = granted.clients()
    pipeline = clients.project.pipeline("notes")
    oracle.check(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))


def do_everything(granted: ProjectFolder, database: Database, run: Run) -> None:
    """Go through all that pg2es does, with dead letters on the way."""
    clients = granted.clients()
    pipeline = clients.project.pipeline("notes")
    status, found, errors = run("validate", "--connect", "notes")
    assert status == 0, f"{found}{errors}"
    run_backfill(clients, pipeline)
    change = database.execute_as_superuser
    change(
        "INSERT INTO app.notes VALUES (0, 0, '0')",
        "DELETE FROM app.notes WHERE id = 7",
        "UPDATE app.authors SET name = 'somebody' WHERE id = 3",
        "UPDATE app.notes SET number = 'none' WHERE id = 9",
    )
    live = require_live_generation(clients.elasticsearch, pipeline)
    pass_barrier(clients, pipeline, live)
    source = granted.source_model()
    [refused] = replay.list_groups(clients, source)
    change("UPDATE app.notes SET number = '9' WHERE id = 9")
    assert replay.replay(clients, source, refused.name).left == 0
    for command in (
        ("reconcile", "notes", "--deep", "all"),
        ("refresh", "notes", "3"),
        ("refresh", "notes", "--all"),
        ("verify", "notes"),
        ("reindex", "notes", "--force", "--yes"),
        ("rollback", "notes"),
        ("plan", "notes"),
        ("status",),
        ("connectors", "restart", granted.source),
        ("deploy", granted.source),
        ("report", "notes"),
        ("certify", "notes", "--folder", str(granted.folder)),
    ):
        status, found, errors = run(*command)
        assert status == 0, f"{command}: {found}{errors}"


def do_nothing_else(granted: ProjectFolder, logins: Logins) -> None:
    """Fail unless each server refuses what pg2es has no need of."""
    clients = granted.clients()
    pipeline = clients.project.pipeline("notes")
    index = require_live_generation(clients.elasticsearch, pipeline).index
    for statement in (
        "SELECT FROM app.secret",
        "INSERT INTO app.notes VALUES (-1, 0, '0')",
        "TRUNCATE app.authors",
        "CREATE TABLE app.own ()",
        "CREATE SCHEMA own",
        f"ALTER PUBLICATION {granted.source_model().publication} DROP TABLE app.notes",
        "CREATE PUBLICATION own",
        "CREATE ROLE own",
    ):
        with clients.session_of(pipeline) as session, pytest.raises(InsufficientPrivilege):
            session.execute(statement.encode())

    other = f"x{index}"
    with open_as(f"{logins.name}_batch", logins.password) as batch:
        for ask in (
            lambda: batch.indices.create(index=other),
            lambda: batch.search(index=other),
            lambda: batch.index(index=other, document={}),
            lambda: batch.cluster.put_settings(persistent={"indices.recovery.max_bytes_per_sec": "50mb"}),
            batch.security.get_user,
        ):
            refuses(ask)
    with open_as(f"{logins.name}_sink", logins.password) as sink:
        for ask in (
            lambda: sink.indices.create(index=f"{index[:-1]}9"),
            lambda: sink.index(index=f"{index[:-1]}9", document={}),
            lambda: sink.indices.delete(index=index),
            lambda: sink.indices.put_settings(index=index, settings={"refresh_interval": "1s"}),
            lambda: sink.search(index="pg2es-reports"),
        ):
            refuses(ask)

    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        finish(clients.kafka.create_topics([NewTopic(other, 1, 1)]))
    changes = granted.source_model().topic_of("app.notes")
    assert produce(clients, changes) == ["TOPIC_AUTHORIZATION_FAILED"], "only Debezium writes changes"
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        finish(clients.kafka.delete_topics([changes]))


def refuses(ask: Callable[[], object]) -> None:
    """Fail unless Elasticsearch says that this user may not do so."""
    with pytest.raises(AuthorizationException):
        ask()


def produce(clients: Clients, topic: str) -> list[str]:
    """Write a record as the batch jobs, and return what Kafka says against it."""
    problems: list[str] = []
    producer: Producer = clients.kafka_access.producer()
    producer.produce(topic, b"x", on_delivery=lambda error, _: problems.append(error.name()) if error else None)
    producer.flush(30)
    return problems


def test_at_amazon_a_membership_lets_a_role_replicate(
    project_folder: ProjectFolder, database: Database, logins: Logins, run: Run
) -> None:
    postgres = project_folder.source_model().postgres.model_dump(exclude_defaults=True)
    login = {"user": logins.name, "password": logins.reference}
    project_folder.change(f"sources/{project_folder.source}.yaml", postgres=postgres | login)
    database.execute_as_superuser("CREATE TABLE notes (id bigint PRIMARY KEY)", "CREATE ROLE rds_replication")
    project_folder.add_pipeline("notes", "public.notes")
    try:
        database.execute_as_superuser(
            run("grants", "postgres")[1], f"ALTER ROLE \"{logins.name}\" PASSWORD '{logins.password}'"
        )
        assert "may not replicate" not in run("validate", "--connect")[1]
        database.execute_as_superuser(f'REVOKE rds_replication FROM "{logins.name}"')
        assert f"Role {logins.name} may not replicate" in run("validate", "--connect")[1]
    finally:
        database.execute_as_superuser(
            f'DROP OWNED BY "{logins.name}"', f'DROP ROLE "{logins.name}"', "DROP ROLE rds_replication"
        )
