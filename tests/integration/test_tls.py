"""TLS on every link at once, with certificates of an authority that nobody knows, and clients that show theirs.

PostgreSQL refuses whoever comes without TLS and without the role's certificate, Kafka whoever does not log in by SCRAM.
Before Elasticsearch and Kafka Connect's REST interface a proxy takes TLS off, from those who show a certificate.
Workers have the files at another place.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from pg2es.core.errors import ConfigError, ConnectUnavailable, ElasticsearchUnavailable, PostgresUnavailable
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.waiting import wait_for
from stack.certificates import make_authority
from stack.config import load_config
from stack.identity import find_service_user
from tests import oracle
from tests.integration.batch import run_backfill
from tests.integration.conftest import Run
from tests.integration.proxies import tls_proxy
from tests.integration.secret_file import secret_file
from tests.integration.test_kafka_login import LOGIN, producer_login
from tests.support import Database, ProjectFolder, connect

ROWS = 50
NOT_LET_IN = r"certificate required|closed|reset|aborted|EOF"
"""What a client without a certificate sees: whatever comes first, the server's word or the end of the connection."""


@dataclass(frozen=True)
class Files:
    """Certificates and keys: of the servers, of the client, and of the authority that signed them, in one folder."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Files":
        """Make them, for the servers' user."""
        authority = make_authority("nobody knows")
        server, client = authority.issue("server"), authority.issue(os.environ["PG2ES_POSTGRES_USER"])
        texts = {
            "ca.pem": authority.pem,
            "server.pem": server.pem,
            "server.key": server.key_pem,
            "server-both.pem": server.key_pem + server.pem,
            "client.pem": client.pem,
            "client-both.pem": client.key_pem + client.pem,
        }
        user = find_service_user(load_config())
        for name, text in texts.items():
            user.write_file(folder / name, text)
        (user.write_file(folder / "client.key", "")).write_bytes(client.key_der)
        return cls(folder)

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Files that the servers can read."""
    folder = Path("/run") / f"pg2es-{tmp_path.name}"
    yield Files.create(folder)
    shutil.rmtree(folder)


@contextmanager
def postgres_with_tls(database: str, files: Files) -> Iterator[None]:
    """Let PostgreSQL speak TLS, and take pg2es' role in this database only with its certificate."""
    settings = {"ssl_cert_file": "server.pem", "ssl_key_file": "server.key", "ssl_ca_file": "ca.pem"}
    role = f'"{database}" {os.environ["PG2ES_POSTGRES_USER"]} all'
    with connect("postgres", superuser=True) as session:
        [(path,)] = session.execute("SHOW hba_file")
        rules = Path(path)
        before = rules.read_text()
        try:
            for name, file in settings.items():
                session.execute(f"ALTER SYSTEM SET {name} = '{files[file]}'".encode())
            session.execute("ALTER SYSTEM SET ssl = on")
            # Rules for TLS are refused as long as there is none.
            reload_until(session, lambda: _comes_in("postgres", superuser=True, sslmode="require"))
            rules.write_text(f"hostssl {role} scram-sha-256 clientcert=verify-full\nhost {role} reject\n{before}")
            reload_until(session, lambda: not _comes_in(database))
            yield
        finally:
            rules.write_text(before)
            for name in ("ssl", *settings):
                session.execute(f"ALTER SYSTEM RESET {name}".encode())
            reload_until(session, lambda: _comes_in(database))


def reload_until(session: psycopg.Connection[TupleRow], check: Callable[[], bool]) -> None:
    """Let PostgreSQL read its files, and wait until it has."""
    session.execute("SELECT pg_reload_conf()")
    wait_for(check, timeout_s=30, on_timeout=lambda: AssertionError("PostgreSQL does not take its new settings"))


def _comes_in(database: str, *, superuser: bool = False, **options: str) -> bool:
    try:
        connect(database, superuser=superuser, **options).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def secured(
    streamed_folder: ProjectFolder, database: Database, files: Files, tmp_path: Path
) -> Iterator[ProjectFolder]:
    """A project with one pipeline whose servers all ask for TLS, and for certificates or logins."""
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
    )
    platform = streamed_folder.clients().project.platform
    changed = (streamed_folder.folder / "platform.yaml", streamed_folder.folder / "sources" / f"{database.name}.yaml")
    before = {file: file.read_text() for file in changed}
    here = tmp_path / "here"  # only the batch jobs read this one
    shutil.copytree(files.folder, here)
    elasticsearch = os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")[0]
    workers = os.environ["PG2ES_CONNECT_URLS"].split(",")[0]
    server, authority = files.folder / "server-both.pem", files.folder / "ca.pem"
    with (
        secret_file({"password": os.environ["PG2ES_KAFKA_PASSWORD"]}) as secrets,
        tls_proxy(elasticsearch, server, clients=authority) as elasticsearch_url,
        tls_proxy(workers, server, clients=authority) as connect_url,
        postgres_with_tls(database.name, files),
    ):
        logins: dict[str, Any] = platform.elasticsearch.model_dump(exclude_none=True)
        streamed_folder.change(
            "platform.yaml",
            elasticsearch=logins
            | {
                "urls": elasticsearch_url,
                "ca_certificate": str(here / "ca.pem"),
                "client_certificate": str(here / "client-both.pem"),
            },
            kafka={"bootstrap": "${env:PG2ES_KAFKA_SASL_BOOTSTRAP}", "properties": LOGIN},
            connect={
                "urls": connect_url,
                "user": platform.connect.user,
                "password": platform.connect.password,
                "ca_certificate": str(here / "ca.pem"),
                "client_certificate": str(here / "client-both.pem"),
                "files": {str(here): str(files.folder)},
                "producer_properties": producer_login(LOGIN["sasl.mechanism"], secrets),
            },
        )
        change_postgres(
            streamed_folder,
            sslmode="verify-full",
            sslrootcert=str(here / "ca.pem"),
            sslcert=str(here / "client.pem"),
            sslkey=str(here / "client.key"),
        )
        streamed_folder.add_pipeline("notes", "public.notes")
        yield streamed_folder
    for file, text in before.items():  # for whoever takes the stream away
        file.write_text(text)


def change_postgres(folder: ProjectFolder, **changes: str | None) -> Clients:
    """Change how the source reaches PostgreSQL."""
    settings = folder.source_model().postgres.model_dump(exclude_none=True) | changes
    kept = {name: value for name, value in settings.items() if value is not None}
    folder.change(f"sources/{folder.source}.yaml", postgres=kept)
    return folder.clients()


def test_everything_at_once(
    secured: ProjectFolder, database: Database, files: Files, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = secured.clients()
    pipeline = clients.project.pipeline("notes")
    assert run("validate", "--connect", "notes")[0] == 0
    run_backfill(clients, pipeline)
    with clients.session_of(pipeline) as session:
        session.execute("INSERT INTO public.notes VALUES (0, 'new')")
        session.execute("DELETE FROM public.notes WHERE id = 7")
        encrypted = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = %s"
    with connect("postgres", superuser=True) as session:
        assert session.execute(encrypted, [database.name]).fetchall() == [(True,)]
    assert run("reconcile", "notes", "--deep", "all")[0] == 0
    for name, file in {"PGSSLCERT": "client.pem", "PGSSLKEY": "client.key"}.items():
        monkeypatch.setenv(name, files[file])  # the oracle has a connection of its own
    oracle.check(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))


def test_who_is_not_trusted_says_so(secured: ProjectFolder, tmp_path: Path) -> None:
    source = secured.source_model()
    for changes, sentence in (
        ({"sslcert": None, "sslkey": None}, "requires a valid client certificate"),
        ({"sslmode": "disable", "sslrootcert": None, "sslcert": None, "sslkey": None}, "pg_hba.conf rejects"),
        ({"sslrootcert": os.environ["PG2ES_KAFKA_CA"]}, "certificate verify failed"),
    ):
        good = source.postgres.model_dump(exclude_none=True)
        clients = change_postgres(secured, **changes)
        with pytest.raises(PostgresUnavailable, match=sentence), clients.session(secured.source_model()):
            pass
        change_postgres(secured, **good)
    clients = change_postgres(secured, sslrootcert=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"postgres\.sslrootcert: cannot read .*none\.pem: No such file"):
        clients.session(secured.source_model()).__enter__()

    others = secured.clients().project.platform
    connect_settings = others.connect.model_dump(exclude_none=True)
    elasticsearch = others.elasticsearch.model_dump(exclude_none=True)
    secured.change("platform.yaml", connect=connect_settings | {"client_certificate": None})
    with pytest.raises(ConnectUnavailable, match=NOT_LET_IN):
        secured.clients().connect.list_connectors()
    foreign = {"ca_certificate": os.environ["PG2ES_KAFKA_CA"]}
    secured.change("platform.yaml", connect=connect_settings | foreign, elasticsearch=elasticsearch | foreign)
    with pytest.raises(ConnectUnavailable, match="certificate verify failed"):
        secured.clients().connect.list_connectors()
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate")
    secured.change("platform.yaml", connect=connect_settings | {"client_certificate": str(nothing)})
    with pytest.raises(ConnectUnavailable, match="PEM"):
        secured.clients().connect.list_connectors()
    clients = secured.clients()
    with pytest.raises(ElasticsearchUnavailable, match="certificate verify failed"):
        require_live_generation(clients.elasticsearch, clients.project.pipeline("notes"))
    secured.change("platform.yaml", elasticsearch=elasticsearch | {"client_certificate": None})
    clients = secured.clients()
    with pytest.raises(ElasticsearchUnavailable, match=NOT_LET_IN):
        require_live_generation(clients.elasticsearch, clients.project.pipeline("notes"))
