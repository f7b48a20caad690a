"""The manifests of deploy/kubernetes have the settings that everything else here is tested with."""

import re
from pathlib import Path
from typing import Any

import javaproperties
import yaml

from tests.support import CHECKOUT

FOLDER = CHECKOUT / "deploy" / "kubernetes"
FILES = CHECKOUT / "stack" / "files"
LEFT_TO_STRIMZI = (
    "group.id",
    "config.storage.topic",
    "offset.storage.topic",
    "status.storage.topic",
    "plugin.path",
    "rest.",
)
"""How the names begin of settings that Strimzi lets nobody set, or sets by keys of its own."""
PLATFORM_PAGE = CHECKOUT / "docs" / "kubernetes.md"


def read(name: str) -> list[dict[str, Any]]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def find(name: str, kind: str) -> dict[str, Any]:
    """Return the first document of a kind."""
    return next(document for document in read(name) if document["kind"] == kind)


def test_workers_have_the_native_settings() -> None:
    native: dict[str, str] = {}
    for name in ("connect-worker.properties", "connect-distributed.properties"):
        native |= javaproperties.loads((FILES / name).read_text())
    found = find("kafka-connect.yaml", "KafkaConnect")["spec"]["config"]
    ours = {name: value if isinstance(value, str) else str(value).lower() for name, value in found.items()}
    for name in native:
        if name.endswith("replication.factor"):
            assert ours.pop(name) == "3", "one for each broker of a small cluster"
    assert ours == {
        name: value
        for name, value in native.items()
        if not name.startswith(LEFT_TO_STRIMZI) and not name.endswith("replication.factor")
    }


def test_connectors_are_left_to_pg2es() -> None:
    assert "annotations" not in find("kafka-connect.yaml", "KafkaConnect")["metadata"]


def test_elasticsearch_has_the_native_roles() -> None:
    roles = find("elasticsearch.yaml", "Secret")["stringData"]["roles.yml"]
    assert yaml.safe_load(roles) == yaml.safe_load((FILES / "elasticsearch-roles.yml").read_text())


def test_every_variable_is_there() -> None:
    """What files refer to is known to the batch jobs, what connectors refer to, to the workers."""
    page = PLATFORM_PAGE.read_text()
    secrets = set(re.findall(r"--from-literal=(PG2ES_\w+)=", page))
    texts = [*re.findall(r"```yaml\n(.*?)```", page, re.DOTALL), (CHECKOUT / "include/sources/shop.yaml").read_text()]
    needed = set(re.findall(r"\$\{env:(PG2ES_\w+)\}", "".join(texts)))
    known = {variable["name"] for variable in read("airflow-values.yaml")[0]["env"]} | secrets
    assert needed <= known
    workers = find("kafka-connect.yaml", "KafkaConnect")["spec"]["template"]["connectContainer"]["env"]
    assert {variable["name"] for variable in workers} <= secrets
    of_connectors = {"PG2ES_POSTGRES_PASSWORD", "PG2ES_ELASTICSEARCH_SINK_PASSWORD", "PG2ES_KAFKA_PASSWORD"}
    assert {variable["name"] for variable in workers} == of_connectors


def test_files_are_where_both_sides_look() -> None:
    text = PLATFORM_PAGE.read_text()
    mounts = {mount["mountPath"] for mount in read("airflow-values.yaml")[0]["volumeMounts"]}
    named = set(re.findall(r"/mnt/[\w-]+(?=/ca\.crt)", text))
    assert named == mounts
    workers = find("kafka-connect.yaml", "KafkaConnect")["spec"]["template"]["connectContainer"]["volumeMounts"]
    assert {mount["mountPath"] for mount in workers} == named
    assert all(Path(mount).parts[1] == "mnt" for mount in mounts), "Strimzi mounts nowhere else"
