"""A Kafka that asks for a login: the batch jobs and the sink's producer have it, by references to secrets."""

import os
from pathlib import Path

import certifi
import pytest

from pg2es.adapters import kafka
from pg2es.core.errors import AccessDenied, ConfigError, ConnectorError, KafkaRefused, KafkaUnavailable
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
TOKEN = {
    "sasl.mechanism": "OAUTHBEARER",
    "enable.sasl.oauthbearer.unsecure.jwt": "true",
    "sasl.oauthbearer.config": "principal=${env:PG2ES_KAFKA_USER}",
}
"""The batch jobs' login by a token that nobody has signed, over the one by a password."""
CERTIFICATE = {
    "security.protocol": "SSL",
    "ssl.ca.location": "${env:PG2ES_KAFKA_CA}",
    "ssl.certificate.location": "${env:PG2ES_KAFKA_CERTIFICATE}",
    "ssl.key.location": "${env:PG2ES_KAFKA_CERTIFICATE}",
}
MODULES = {
    "PLAIN": "plain.PlainLoginModule",
    "SCRAM-SHA-512": "scram.ScramLoginModule",
    "OAUTHBEARER": "oauthbearer.OAuthBearerLoginModule",
}
ROWS = 50


def log_in(folder: ProjectFolder, **changes: str) -> Clients:
    """Let a project reach Kafka where it asks for a login."""
    folder.change(
        "platform.yaml", kafka={"bootstrap": "${env:PG2ES_KAFKA_SASL_BOOTSTRAP}", "properties": LOGIN | changes}
    )
    return folder.clients()


def give_producer(folder: ProjectFolder, properties: dict[str, str]) -> None:
    """Let the sinks' producer have these settings."""
    settings = folder.clients().project.platform.connect.model_dump(exclude_defaults=True)
    folder.change("platform.yaml", connect=settings | {"producer_properties": properties})


def trust() -> dict[str, str]:
    """Return the settings by which a Java client trusts Kafka."""
    return {"ssl.truststore.type": "PEM", "ssl.truststore.location": os.environ["PG2ES_KAFKA_CA"]}


def producer_login(mechanism: str, secrets: Path, user: str | None = None) -> dict[str, str]:
    """Return the settings by which a producer of the sinks logs in."""
    user = user or os.environ["PG2ES_KAFKA_USER"]
    password = f'username="{user}" password="${{file:{secrets}:password}}"'
    token = f'unsecuredLoginStringClaim_sub="${{file:{secrets}:user}}"'
    options = token if mechanism == "OAUTHBEARER" else password
    return {
        **trust(),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f"org.apache.kafka.common.security.{MODULES[mechanism]} required {options};",
    }


def producer_certificate() -> dict[str, str]:
    """Return the settings by which a producer of the sinks shows a certificate."""
    own = {"ssl.keystore.type": "PEM", "ssl.keystore.location": os.environ["PG2ES_KAFKA_CERTIFICATE"]}
    return {**trust(), **own, "security.protocol": "SSL"}


@pytest.mark.parametrize(
    ("batch", "sinks"), [({"sasl.mechanism": "PLAIN"}, "OAUTHBEARER"), (TOKEN, "PLAIN"), (CERTIFICATE, None)]
)
def test_a_pipeline_by_a_login(
    batch: dict[str, str], sinks: str | None, streamed_folder: ProjectFolder, database: Database
) -> None:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
    )
    with secret_file({name: os.environ[f"PG2ES_KAFKA_{name.upper()}"] for name in ("user", "password")}) as file:
        producer = producer_login(sinks, file) if sinks else producer_certificate()
        give_producer(streamed_folder, producer)
        if sinks:
            log_in(streamed_folder, **batch)
        else:
            kafka_settings = {"bootstrap": "${env:PG2ES_KAFKA_TLS_BOOTSTRAP}", "properties": batch}
            streamed_folder.change("platform.yaml", kafka=kafka_settings)
        pipeline = streamed_folder.add_pipeline("notes", "public.notes")
        clients = streamed_folder.clients()
        run_backfill(clients, pipeline)
        # A deleted root is a record that the sink itself writes: it is refreshed once more later.
        database.execute("INSERT INTO public.notes VALUES (0, 'new')", "DELETE FROM public.notes WHERE id = 7")
        check_equal(clients, pipeline, ROWS)
    later = clients.project.source_of(pipeline).refresh_later_topic(pipeline.name)
    assert sum(kafka.end_offsets(clients.kafka, [later]).values()) == 1


def test_a_reference_that_the_workers_do_not_know_is_named(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute("CREATE TABLE public.notes (id bigint PRIMARY KEY)")
    give_producer(streamed_folder, {"client.id": "${env:PG2ES_NO_SUCH_VARIABLE}"})
    pipeline = streamed_folder.add_pipeline("notes", "public.notes")
    with pytest.raises(
        ConnectorError, match=r"found nothing for \$\{env:PG2ES_NO_SUCH_VARIABLE\} in kafka\.client\.id"
    ):
        run_backfill(streamed_folder.clients(), pipeline)


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
