"""`pg2es export`: what the monitor sees, for Prometheus to scrape.

    look each N seconds ──▶ Metrics of the last look ◀── GET /metrics

A scrape costs the servers nothing: it gets what the last look saw. `look_timestamp_seconds` says when that was.
"""

import base64
import hmac
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import typer
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from rich.text import Text

from pg2es.cli.console import err
from pg2es.core.judgement import judge
from pg2es.core.metrics import MEANINGS, Metric, measure
from pg2es.core.project import Project
from pg2es.services.clients import Clients
from pg2es.services.monitor import look

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

USER = "PG2ES_METRICS_USER"
PASSWORD = "PG2ES_METRICS_PASSWORD"  # noqa: S105 - the name of a variable
_COUNTER = "_total"


def export(project: Project, *, listen: str, every_s: float) -> NoReturn:
    """Look every so many seconds and serve the figures of the last look at /metrics, until the process is ended."""
    page = _Page()
    login = _read_login()
    with _open_server(listen, anonymous=login is None) as server:
        app = make_wsgi_app(page.registry)
        server.set_app(_require_login(app, login) if login else app)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        clients, before = Clients(project), None
        while True:
            started = time.monotonic()
            seen = look(clients, before)
            page.metrics = measure(project, seen, judge(project, seen))
            if not serving.is_alive():  # who comes before the first look waits for it
                serving.start()
                err.print(Text(f"Serving http://{listen}/metrics, looking every {every_s:g} s."))
            before = seen.counters or before
            time.sleep(max(0, started + every_s - time.monotonic()))


class _Page(Collector):
    """The metrics of the last look, in the form of prometheus_client."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self) -> Iterator[Family]:
        """Return a family for each name that has a figure."""
        metrics = self.metrics
        for name, meaning in MEANINGS.items():
            found = [metric for metric in metrics if metric.name == name]
            if found:
                is_counter = name.endswith(_COUNTER)
                family = Family(f"pg2es_{name.removesuffix(_COUNTER)}", meaning, "counter" if is_counter else "gauge")
                for metric in found:
                    family.add_sample(f"pg2es_{name}", metric.labels, metric.value)
                yield family


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, host: str, port: int) -> None:
        self.address_family = family
        super().__init__((host, port), _QuietHandler)


class _QuietHandler(WSGIRequestHandler):
    timeout = 30

    def log_message(self, *_: object) -> None:
        """Log no request."""


def _open_server(listen: str, *, anonymous: bool) -> _Server:
    """Return a server that is bound to the address, and that answers once it serves.

    Raises BadParameter for an address that is none, is in use, or that others reach though no password is asked for.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter(f"{listen!r} is no address; it takes HOST:PORT, such as 127.0.0.1:9408")
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        if anonymous and not ipaddress.ip_address(address[0]).is_loopback:
            raise typer.BadParameter(
                f"{listen} can be reached from other machines: set {USER} and {PASSWORD} (or {PASSWORD}_FILE), "
                f"or listen on 127.0.0.1"
            )
        return _Server(family, str(address[0]), int(port))
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on {listen}: {error.strerror}") from error


def _read_login() -> tuple[str, str] | None:
    """Return user and password that are to be asked for, None when none is set."""
    user, password, file = (os.environ.get(name) for name in (USER, PASSWORD, f"{PASSWORD}_FILE"))
    if file:
        try:
            password = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise typer.BadParameter(f"{PASSWORD}_FILE: {file} cannot be read: {error.strerror}") from error
    if bool(user) != bool(password):
        raise typer.BadParameter(f"{USER} and {PASSWORD} (or {PASSWORD}_FILE) come together; only one is set")
    return (user, password) if user and password else None


def _require_login(app: "WSGIApplication", login: tuple[str, str]) -> "WSGIApplication":
    """Return the application behind basic authentication."""
    wanted = b"Basic " + base64.b64encode(":".join(login).encode())

    def ask(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if hmac.compare_digest(given, wanted):
            return app(environ, start_response)
        start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="pg2es"'), ("Content-Length", "0")])
        return []

    return ask
