"""No password of the stack is in a log, an answer, a topic, an index, or in what the command prints."""

import json
import os
from collections.abc import Iterator

import httpx
import pytest

from stack.config import load_config
from tests.integration.conftest import Run
from tests.integration.streamed import Streamed
from tests.leaks import find_in_files, find_secrets
from tests.support import Database, ProjectFolder
from tests.topics import read_topic

TIMEOUT_S = 30
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("validate", "--connect"),
    ("plan",),
    ("verify", "parts"),
    ("reconcile", "parts", "--deep", "all"),
    ("report", "--json", "--limit", "1000"),
    ("replay", "SOURCE", "--list"),
    ("deploy", "SOURCE"),
)


@pytest.fixture
def streamed(streamed_folder: ProjectFolder, database: Database) -> Streamed:
    return Streamed(streamed_folder, database)


def parts_of(topic: str) -> Iterator[bytes]:
    """Give every key, value and header of a topic."""
    for message in read_topic(topic):
        values = [pair[1] for pair in message.headers() or []]
        yield from (part for part in (message.key(), message.value(), *values) if isinstance(part, bytes))


def test_nothing_that_is_kept_or_said_holds_a_secret(streamed: Streamed, run: Run) -> None:
    clients, source = streamed.clients, streamed.source
    # What fails says a lot: a table that the sink cannot read, and one that Debezium cannot.
    streamed.database.execute("ALTER TABLE public.parts RENAME number TO other", "UPDATE public.parts SET other = '1'")
    streamed.wait_until_failed(streamed.sink)
    streamed.breaches()
    streamed.database.execute("ALTER TABLE public.parts RENAME other TO number")
    clients.connect.restart(streamed.sink)
    streamed.check_equal()

    assert find_secrets(os.environ["PG2ES_POSTGRES_PASSWORD"]) == ["PG2ES_POSTGRES_PASSWORD"]
    assert list(find_in_files(load_config().logs)) == []
    for command in COMMANDS:
        status, out, err = run(*(source.name if word == "SOURCE" else word for word in command))
        assert status in (0, 1), err
        assert find_secrets(out + err) == [], command

    login = (os.environ["PG2ES_CONNECT_USER"], os.environ["PG2ES_CONNECT_PASSWORD"])
    for url in clients.connect.urls:
        with httpx.Client(base_url=url, auth=login, timeout=TIMEOUT_S) as worker:
            names = worker.get("/connectors").raise_for_status().json()
            paths = [
                "?expand=info&expand=status",
                *(f"/{n}/{of}" for n in names for of in ("config", "tasks", "status")),
            ]
            for path in paths:
                assert find_secrets(worker.get(f"/connectors{path}").content) == [], path
    for topic in ("pg2es-connect-configs", "pg2es-connect-status", source.dead_letter_topic):
        for content in parts_of(topic):
            assert find_secrets(content) == [], topic
    found = clients.elasticsearch.search(index="pg2es-reports", size=10_000)
    assert find_secrets(json.dumps(found.body)) == []
    assert find_secrets(json.dumps(clients.elasticsearch.indices.get_mapping().body)) == []
    assert find_secrets(repr(clients.project) + repr(clients.elasticsearch_access()) + repr(clients.kafka_access)) == []
