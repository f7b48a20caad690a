"""What `pg2es grants` prints for logins that the integration test of it does not have."""

import json
from pathlib import Path
from typing import Any

import pytest

from pg2es.core import grants
from pg2es.core.config import ElasticsearchSettings, Pipeline, Source
from pg2es.core.config.files import load_model

FILE = Path("platform.yaml")
PIPELINE: dict[str, Any] = {"name": "orders", "source": "shop", "table": "public.orders", "mapping": {}}
SOURCE: dict[str, Any] = {
    "name": "shop",
    "postgres": {"host": "h", "database": "d", "user": "u", "password": "${env:P}"},
    "dead_letter_topic": "elsewhere",
}


@pytest.fixture
def pipeline() -> Pipeline:
    return load_model(FILE, Pipeline, PIPELINE)


def settings(**logins: str) -> ElasticsearchSettings:
    """Return settings with these logins."""
    return load_model(FILE, ElasticsearchSettings, {"urls": "u", **logins})


def test_a_key_for_who_has_keys_and_a_role_for_others(pipeline: Pipeline) -> None:
    found = grants.elasticsearch(settings(api_key="${env:K}", sink_token="${env:T}"), [pipeline])
    first, second = found.strip().split("\n\n")
    request, _, body = first.partition("\n")
    assert request == "POST /_security/api_key"
    batch, sink = grants.elasticsearch_roles([pipeline])
    assert json.loads(body) == {"name": "pg2es", "role_descriptors": {"pg2es": batch}}
    request, _, body = second.partition("\n")
    assert request == "PUT /_security/role/pg2es_sink"
    assert json.loads(body) == sink


def test_a_dead_letter_topic_of_another_name_has_rules_of_its_own(pipeline: Pipeline) -> None:
    source = load_model(FILE, Source, SOURCE)
    rules = list(grants.kafka_rules(source, [pipeline], batch="User:pg2es", workers="User:connect"))
    who_writes = {rule.principal for rule in rules if rule.name == "elsewhere" and "Write" in rule.operations}
    assert who_writes == {"User:pg2es", "User:connect"}
    commands = grants.kafka(rules, "k:9092").splitlines()
    assert len(commands) == len(set(commands))
    assert all(command.startswith("kafka-acls.sh --bootstrap-server k:9092 ") for command in commands)
