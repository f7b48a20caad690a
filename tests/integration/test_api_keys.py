"""Elasticsearch by API keys or bearer tokens instead of users: one for the batch jobs, one of the sinks.

The embedded Elasticsearch lacks what it needs to make them. A gate before it takes them in its place: it lets pass what
has one, by the user that it stands for, and nothing else; with a path, nothing that does not come by it.
"""

import base64
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from pg2es.core.errors import AccessDenied
from pg2es.core.generations import sink_connector
from pg2es.services.generations import require_live_generation
from tests.integration.batch import check_equal, run_backfill
from tests.integration.secret_file import secret_file
from tests.support import Database, ProjectFolder

ROWS = 50
USERS = {"": "PG2ES_ELASTICSEARCH", "sink_": "PG2ES_ELASTICSEARCH_SINK"}


class Gate(ThreadingHTTPServer):
    """Knows a key for each user, which comes in a `scheme`, and lets only by what comes by a path."""

    def __init__(self, scheme: str, path: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path = path
        self.keys = {whose: base64.b64encode(secrets.token_bytes(30)).decode() for whose in USERS}
        self.logins = {
            f"{scheme} {self.keys[whose]}": (os.environ[f"{user}_USER"], os.environ[f"{user}_PASSWORD"])
            for whose, user in USERS.items()
        }
        self.upstream = httpx.Client(base_url=os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")[0], timeout=60)
        self.passed: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        login = self.server.logins.get(self.headers.get("Authorization", ""))
        kept = {name: value for name, value in self.headers.items() if name.lower() in ("accept", "content-type")}
        kept["Accept-Encoding"] = "identity"
        if login is None or not self.path.startswith(f"{self.server.path}/"):
            self._answer(401, {}, b'{"error": {"type": "security_exception", "reason": "no key"}}')
            return
        self.server.passed.add(login[0])
        found = self.server.upstream.request(
            self.command, self.path.removeprefix(self.server.path), content=body, headers=kept, auth=login
        )
        headers = {name: found.headers[name] for name in ("content-type", "x-elastic-product") if name in found.headers}
        self._answer(found.status_code, headers, found.content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def open_gate(scheme: str, path: str) -> Iterator[Gate]:
    """Give a gate that is open."""
    with Gate(scheme, path) as gate:
        threading.Thread(target=gate.serve_forever).start()
        try:
            yield gate
        finally:
            gate.shutdown()
            gate.upstream.close()


@pytest.mark.parametrize(
    ("key", "scheme", "option", "path"),
    [("api_key", "ApiKey", "elasticsearch.api.key", ""), ("token", "Bearer", "elasticsearch.token", "/behind/a/path")],
)
def test_a_pipeline_by_keys(
    key: str, scheme: str, option: str, path: str, streamed_folder: ProjectFolder, database: Database
) -> None:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
    )
    with (
        open_gate(scheme, path) as gate,
        secret_file({f"{whose}{key}": value for whose, value in gate.keys.items()} | {"wrong": "d3Jvbmc="}) as file,
    ):
        url = f"http://127.0.0.1:{gate.server_port}{path}"
        references = {f"{whose}{key}": f"${{file:{file}:{whose}{key}}}" for whose in USERS}
        streamed_folder.change("platform.yaml", elasticsearch={"urls": url, **references})
        pipeline = streamed_folder.add_pipeline("notes", "public.notes")
        clients = streamed_folder.clients()
        run_backfill(clients, pipeline)
        database.execute("INSERT INTO public.notes VALUES (0, 'new')", "DELETE FROM public.notes WHERE id = 7")
        check_equal(clients, pipeline, ROWS)
        assert gate.passed == {user for user, _ in gate.logins.values()}

        config = clients.connect.config(sink_connector(require_live_generation(clients.elasticsearch, pipeline).index))
        assert config is not None
        assert config[option] == references[f"sink_{key}"], "the key itself is in no configuration"
        assert "elasticsearch.user" not in config

        wrong = references | {key: f"${{file:{file}:wrong}}"}
        streamed_folder.change("platform.yaml", elasticsearch={"urls": url, **wrong})
        with pytest.raises(AccessDenied, match="Elasticsearch refuses the login"):
            require_live_generation(streamed_folder.clients().elasticsearch, pipeline)
