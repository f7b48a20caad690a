"""A Kafka that asks for a login: the batch jobs and the sink's producer have it, by references to secrets."""

import os
from pathlib import Path

import certifi
import pytest

from pg2es.adapters import kafka
from pg2es.core.errors import AccessDenied, ConfigError, KafkaRefused, KafkaUnavailable
from pg2es.services.clients import Clients
from pg2es.services.preflight import platform
from tests.integration.batch import check_equal, run_backfill
from tests.integration.secret_file import secret_file
from tests.support import Database, ProjectFolder

LOGIN = {
    "security.protocol": "SASL_SSL",
    "ssl.ca.location": "${env:PG2ES_KAFKA_CA}",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "${env:PG2ES_KAFKA_USER}",
    "sasl.password": "${env:PG2ES_KAFKA_PASSWORD}",
}
MODULES = {"PLAIN": "plain.PlainLoginModule", "SCRAM-SHA-512": "scram.ScramLoginModule"}
ROWS = 50


def log_in(folder: ProjectFolder, **changes: str) -> Clients:
    """Let a project reach Kafka where it asks for a login."""
    bootstrap = "${env:PG2ES_KAFKA_SASL_BOOTSTRAP}"
    folder.change("platform.yaml", kafka={"bootstrap": bootstrap, "properties": LOGIN | changes})
    return folder.clients()


def producer_login(mechanism: str, secrets: Path) -> dict[str, str]:
    """Return the settings by which a producer of the sinks logs in."""
    module = f"org.apache.kafka.common.security.{MODULES[mechanism]}"
    user = os.environ["PG2ES_KAFKA_USER"]
    return {
        "security.protocol": "SASL_SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": os.environ["PG2ES_KAFKA_CA"],
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f'{module} required username="{user}" password="${{file:{secrets}:password}}";',
    }


@pytest.mark.parametrize("mechanism", MODULES)
def test_a_pipeline_by_a_login(mechanism: str, streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
    )
    connect = streamed_folder.clients().project.platform.connect
    settings = {"urls": list(connect.urls), "user": connect.user, "password": connect.password}
    with secret_file({"password": os.environ["PG2ES_KAFKA_PASSWORD"]}) as file:
        producer = producer_login(mechanism, file)
        streamed_folder.change("platform.yaml", connect=settings | {"producer_properties": producer})
        log_in(streamed_folder, **{"sasl.mechanism": mechanism})
        pipeline = streamed_folder.add_pipeline("notes", "public.notes")
        clients = streamed_folder.clients()
        run_backfill(clients, pipeline)
        # A deleted root is a record that the sink itself writes: it is refreshed once more later.
        database.execute("INSERT INTO public.notes VALUES (0, 'new')", "DELETE FROM public.notes WHERE id = 7")
        check_equal(clients, pipeline, ROWS)
    later = clients.project.source_of(pipeline).refresh_later_topic(pipeline.name)
    assert sum(kafka.end_offsets(clients.kafka, [later]).values()) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sasl.username": "somebody"}, "Authentication failed.*invalid credentials.*Check the login"),
        ({"security.protocol": "SASL_PLAINTEXT"}, "Are the brokers up.*is security.protocol in kafka.properties"),
        ({"ssl.ca.location": certifi.where()}, "SSL handshake failed.*certificate verify failed"),
    ],
)
def test_a_login_that_is_refused_is_called_so(
    changes: dict[str, str], sentence: str, project_folder: ProjectFolder
) -> None:
    clients = log_in(project_folder, **changes)
    with pytest.raises((AccessDenied, KafkaRefused, KafkaUnavailable), match=sentence):
        kafka.count_brokers(clients.kafka, platform.KAFKA_TIMEOUT_S)


def test_a_reference_to_nothing_is_named_with_its_place(project_folder: ProjectFolder) -> None:
    clients = log_in(project_folder, **{"sasl.password": "${env:PG2ES_NO_SUCH_VARIABLE}"})
    with pytest.raises(ConfigError, match=r"kafka\.properties\.sasl\.password: .*PG2ES_NO_SUCH_VARIABLE is not set"):
        clients.kafka  # noqa: B018 (made when it is first needed)
