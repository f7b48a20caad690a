"""TLS on every link at once: a pipeline goes through, and who is not trusted is told so."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pg2es.core.errors import ConfigError, ConnectUnavailable, ElasticsearchUnavailable, PostgresUnavailable
from pg2es.services.generations import require_live_generation
from tests import oracle
from tests.integration.batch import run_backfill
from tests.integration.conftest import Run
from tests.integration.tls_servers import Files, change_postgres, secured_servers, shared_files
from tests.support import Database, ProjectFolder, connect

NOT_LET_IN = r"certificate required|closed|reset|aborted|EOF"
"""What a client without a certificate sees: whatever comes first, the server's word or the end of the connection."""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Files that the servers can read."""
    with shared_files(tmp_path.name) as files:
        yield files


@pytest.fixture
def secured(
    streamed_folder: ProjectFolder, database: Database, files: Files, tmp_path: Path
) -> Iterator[ProjectFolder]:
    """A project with one pipeline whose servers all ask for TLS, and for certificates or logins."""
    with secured_servers(streamed_folder, database, files, tmp_path) as project:
        yield project


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
