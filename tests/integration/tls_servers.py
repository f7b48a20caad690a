"""Servers that all ask for TLS, with certificates of an authority that nobody knows, and clients that show theirs.

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
from psycopg.rows import TupleRow

from pg2es.services.clients import Clients
from pg2es.services.waiting import wait_for
from stack.certificates import make_authority
from stack.config import load_config
from stack.identity import find_service_user
from tests.integration.proxies import tls_proxy
from tests.integration.secret_file import secret_file
from tests.integration.test_kafka_login import LOGIN, producer_login
from tests.support import Database, ProjectFolder, connect

ROWS = 50


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


@contextmanager
def shared_files(name: str) -> Iterator[Files]:
    """Give files that the servers can read."""
    folder = Path("/run") / f"pg2es-{name}"
    try:
        yield Files.create(folder)
    finally:
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


@contextmanager
def secured_servers(
    streamed_folder: ProjectFolder, database: Database, files: Files, tmp_path: Path
) -> Iterator[ProjectFolder]:
    """Give a project with one pipeline, `notes`, whose servers all ask for TLS, and for certificates or logins."""
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
    try:
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
    finally:
        for file, text in before.items():  # for whoever takes the stream away
            file.write_text(text)


def change_postgres(folder: ProjectFolder, **changes: str | None) -> Clients:
    """Change how the source reaches PostgreSQL."""
    settings = folder.source_model().postgres.model_dump(exclude_none=True) | changes
    kept = {name: value for name, value in settings.items() if value is not None}
    folder.change(f"sources/{folder.source}.yaml", postgres=kept)
    return folder.clients()
