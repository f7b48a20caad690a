"""docker-compose.yml is valid, and is the same stack as the embedded one.

No container engine is needed: what can be checked without one is that the two agree wherever they say the same thing.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from stack.config import CHECKOUT, StackConfig, load_config
from stack.credentials import GENERATORS
from stack.identity import find_service_user
from stack.services import KINDS, Service, build_services
from stack.services.airflow import AirflowProcess
from stack.services.connect import DistributedWorker
from stack.services.kafka import Kafka
from stack.services.postgres import Postgres

COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ONE_SHOT = {"airflow-init", "elasticsearch-users", "demo"}
WATCHING = {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]}
"""Started on demand; the native stack has none of them."""
AIRFLOW_PROCESSES = [name for name, kind in KINDS.items() if issubclass(kind, AirflowProcess)]
DOCKERFILES = sorted((CHECKOUT / "compose").glob("*/Dockerfile"))
# What differs between processes on one machine and containers on a network of their own.
KAFKA_ADDRESSES = (
    "controller.quorum.voters",
    "listener",
    "advertised.listeners",
    "inter.broker.listener.name",
    "log.dirs",
    "sasl.",
    "ssl.",
    "authorizer.",
    "super.users",
)
"""How the names of settings begin that say where the broker is, and who may come in there."""


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    return load_config(environ={"PG2ES_STACK_DATA": str(tmp_path / "data")})


@pytest.fixture
def native(config: StackConfig) -> dict[str, Service]:
    return build_services(config, find_service_user(config))


def read_env_file(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def read_versions(pom: str) -> dict[str, str]:
    """Return the properties of a pom.xml that end in `.version`, by what they are the version of."""
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    properties = ET.parse(CHECKOUT / pom).find("m:properties", namespace)
    assert properties is not None
    tags = {element.tag.rpartition("}")[2]: element.text or "" for element in properties}
    return {tag.removesuffix(".version"): value for tag, value in tags.items() if tag.endswith(".version")}


def read_requirement(name: str) -> str:
    found = re.search(rf"^{name}==(\S+)", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


def get_base_images(dockerfile: Path) -> list[str]:
    return re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)


def get_all_images() -> Iterator[str]:
    built = {service["image"] for service in SERVICES.values() if "build" in service}
    yield from {service["image"] for service in SERVICES.values()} - built
    for dockerfile in DOCKERFILES:
        yield from get_base_images(dockerfile)


def get_copied_paths() -> set[str]:
    """Return what the Dockerfiles copy from the checkout."""
    text = "\n".join(dockerfile.read_text() for dockerfile in DOCKERFILES).replace("\\\n", "")
    instructions = re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
    return {path for instruction in instructions for path in instruction.split()[:-1]}


def get_published_ports(service: str) -> set[int]:
    return {int(port.split(":")[1]) for port in SERVICES[service].get("ports", [])}


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = json.loads((Path(__file__).parent / "data" / "compose-spec.json").read_text())

    jsonschema.Draft7Validator(schema).validate(COMPOSE)


def test_the_same_servers_run(native: dict[str, Service]) -> None:
    assert SERVICES.keys() - ONE_SHOT - WATCHING == {name for name, service in native.items() if not service.on_demand}


def test_published_ports_are_those_of_the_native_stack(config: StackConfig, native: dict[str, Service]) -> None:
    inner = {"kafka_controller", "kafka_sasl", "kafka_tls", "elasticsearch_transport"}
    inner |= {key for key in config.ports if key.endswith(("_jmx", "_metrics"))}
    for name in SERVICES.keys() - ONE_SHOT - WATCHING:
        wanted = {config.ports[key] for key in native[name].ports if key not in inner}
        assert get_published_ports(name) == wanted, name


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_an_image_is_built_by_one_service_and_never_pulled() -> None:
    for dockerfile in DOCKERFILES:
        [builder] = [
            service
            for service in SERVICES.values()
            if (CHECKOUT / service.get("build", {}).get("dockerfile", "")).resolve() == dockerfile
        ]
        assert builder["pull_policy"] == "build"
        users = [service for service in SERVICES.values() if service["image"] == builder["image"]]
        assert [service["pull_policy"] for service in users if service is not builder] == ["never"] * (len(users) - 1)


def test_what_runs_has_a_limit() -> None:
    assert [name for name, service in SERVICES.items() if "mem_limit" not in service and name not in ONE_SHOT] == []


def test_each_image_has_a_version() -> None:
    for image in get_all_images():
        assert re.fullmatch(r"[a-z/-]+:[a-z-]*\d+\.\d+.*", image), image


@pytest.mark.parametrize("service", ["postgres", "airflow-db"])
def test_postgresql_has_the_native_version(service: str) -> None:
    major_minor = read_versions("stack/pom.xml")["postgres"].rpartition(".")[0]

    assert SERVICES[service]["image"] == f"postgres:{major_minor}"


def test_kafka_and_connect_have_the_native_version() -> None:
    version = read_versions("stack/pom.xml")["kafka"]

    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"
    assert get_base_images(CHECKOUT / "compose/connect/Dockerfile")[-1] == f"apache/kafka:{version}"


@pytest.mark.parametrize("service", ["elasticsearch", "elasticsearch-users"])
def test_elasticsearch_has_the_native_version(service: str) -> None:
    assert SERVICES[service]["image"] == f"elasticsearch:{read_versions('stack/pom.xml')['elasticsearch']}"


def test_airflow_has_the_native_version() -> None:
    (image,) = get_base_images(CHECKOUT / "compose/airflow/Dockerfile")

    assert image.startswith(f"apache/airflow:slim-{read_requirement('apache-airflow')}-python3.")


def test_the_sink_is_built_for_the_servers_it_runs_with() -> None:
    sink, servers = read_versions("connect/pom.xml"), read_versions("stack/pom.xml")

    assert {name: sink[name] for name in ("kafka", "elasticsearch")} == {
        name: servers[name] for name in ("kafka", "elasticsearch")
    }


def test_env_example_names_every_variable_and_no_other() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE_FILE.read_text()))
    offered = read_env_file(CHECKOUT / ".env.example").keys()

    assert used == offered
    # The image of Kafka brings an id for its cluster, and nobody logs in there; natively nobody scrapes.
    native = {"KAFKA_CLUSTER_ID", "PG2ES_KAFKA_PASSWORD"}
    assert offered - {"PG2ES_METRICS_PASSWORD", "GRAFANA_PASSWORD"} == GENERATORS.keys() - native


def test_a_variable_without_a_value_is_an_error() -> None:
    uses = re.findall(r"(?<!\$)\$\{\w+[^}]*\}", COMPOSE_FILE.read_text())

    assert all(":?" in use for use in uses)


@pytest.mark.parametrize("name", ["connect-1", "connect-2", "airflow-init", *AIRFLOW_PROCESSES])
def test_pg2es_finds_the_same_variables(name: str, config: StackConfig) -> None:
    given = {variable for variable in SERVICES[name]["environment"] if variable.startswith("PG2ES_")}

    own = {"PG2ES_AIRFLOW_PASSWORD", "PG2ES_AIRFLOW_VIEWER_PASSWORD", "PG2ES_CONFIG"}
    assert given - own == config.service_environment().keys()


def test_users_have_the_same_names(config: StackConfig) -> None:
    for name, value in config.service_environment().items():
        if name.endswith("_USER"):
            assert SERVICES["connect-1"]["environment"][name] == value


@pytest.mark.parametrize("name", ["postgres", "airflow-db"])
def test_postgresql_has_the_native_settings(name: str, native: dict[str, Service]) -> None:
    options = SERVICES[name]["command"][1:]
    service = native[name]
    assert isinstance(service, Postgres)

    settings = dict(option.removeprefix("-c").split("=") for option in options)

    assert settings == service.settings | {"timezone": "UTC", "log_timezone": "UTC"}


def test_kafka_has_the_native_settings(native: dict[str, Service]) -> None:
    environment = SERVICES["kafka"]["environment"]
    broker = native["kafka"]
    assert isinstance(broker, Kafka)

    settings = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name != "KAFKA_HEAP_OPTS"
    }

    assert {key: value for key, value in settings.items() if not key.startswith(KAFKA_ADDRESSES)} == {
        key: value for key, value in broker.settings().items() if not key.startswith(KAFKA_ADDRESSES)
    }


@pytest.mark.parametrize("name", AIRFLOW_PROCESSES)
def test_airflow_has_the_native_settings(name: str, native: dict[str, Service]) -> None:
    common = read_env_file(CHECKOUT / SERVICES[name]["env_file"])
    settings = common.keys() | SERVICES[name]["environment"].keys()

    assert {key for key in settings if key.startswith("AIRFLOW__")} == {
        key for key in native[name].variables() if key.startswith("AIRFLOW__")
    }
    assert common.items() <= native[name].variables().items()


@pytest.mark.parametrize("name", AIRFLOW_PROCESSES)
def test_airflow_runs_the_native_command(name: str, native: dict[str, Service]) -> None:
    process = native[name]
    assert isinstance(process, AirflowProcess)

    assert tuple(SERVICES[name]["command"]) == process.arguments


def test_heaps_are_as_large(config: StackConfig) -> None:
    kafka, connect, elasticsearch = (config.memory[name] for name in ("kafka", "connect", "elasticsearch"))

    assert SERVICES["kafka"]["environment"]["KAFKA_HEAP_OPTS"] == f"-Xmx{kafka}"
    assert SERVICES["connect-1"]["environment"]["KAFKA_HEAP_OPTS"] == f"-Xmx{connect}"
    assert SERVICES["elasticsearch"]["environment"]["ES_JAVA_OPTS"] == f"-Xms{elasticsearch} -Xmx{elasticsearch}"


def test_workers_are_configured_from_the_native_files() -> None:
    dockerfile = (CHECKOUT / "compose/connect/Dockerfile").read_text()
    script = (CHECKOUT / "compose/connect/start.sh").read_text()

    for name in (*DistributedWorker.files, "jmx-exporter.yml"):
        assert f"stack/files/{name}" in dockerfile
        assert f"/opt/pg2es/{name}" in script


@pytest.mark.parametrize("name", AIRFLOW_PROCESSES)
def test_airflow_sees_the_project_where_python_looks_for_it(name: str) -> None:
    mounts = dict(mount.split(":")[:2] for mount in SERVICES[name]["volumes"])
    environment = SERVICES[name]["environment"]

    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == mounts["./dags"]
    assert environment["AIRFLOW__CORE__PLUGINS_FOLDER"] == mounts["./plugins"]
    assert environment["PG2ES_CONFIG"] == mounts["./include"]
    assert {mounts["./include"], mounts["./plugins"]} <= set(environment["PYTHONPATH"].split(":"))


def test_what_is_mounted_or_copied_exists() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    paths = {path for path in mounts if path.startswith("./")} | get_copied_paths()

    assert {path for path in paths if not (CHECKOUT / path).exists()} == set()


def test_the_image_can_copy_what_dockerignore_lets_through() -> None:
    allowed = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    for path in get_copied_paths():
        assert any(path.startswith(entry) or entry.startswith(path) for entry in allowed), path


def test_named_volumes_are_declared() -> None:
    mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}

    assert {mount for mount in mounts if not mount.startswith("./")} == COMPOSE["volumes"].keys()


def test_each_server_says_whether_it_is_healthy() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == ONE_SHOT


def test_who_waits_for_a_service_waits_until_it_works() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, f"{name} → {needed}"


@pytest.mark.parametrize("script", sorted((CHECKOUT / "compose").glob("*/*.sh")), ids=lambda path: path.name)
def test_the_scripts_are_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
