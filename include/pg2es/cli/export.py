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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from prometheus_client import CollectorRegistry, make_wsgi_app, start_wsgi_server
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from rich.text import Text

from pg2es.cli.console import err
from pg2es.core.config import Project
from pg2es.core.monitoring import MEANINGS, Metric, judge, measure
from pg2es.services.clients import Clients
from pg2es.services.monitoring import look

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

USER = "PG2ES_METRICS_USER"
PASSWORD = "PG2ES_METRICS_PASSWORD"  # noqa: S105 - the name of a variable
_COUNTER = "_total"


@dataclass(frozen=True)
class Certificate:
    """PEM files of a server's certificate and of its private key."""

    file: Path
    key: Path


def export(project: Project, *, listen: str, every_s: float, certificate: Certificate | None) -> NoReturn:
    """Look every so many seconds and serve the figures of the last look at /metrics, until the process is ended."""
    page = Page()
    serve(page, listen, _read_login(), certificate)
    clients, before = Clients(project), None
    err.print(Text(f"Serving http{'s' if certificate else ''}://{listen}/metrics, looking every {every_s:g} s."))
    while True:
        started = time.monotonic()
        seen = look(clients, before)
        page.show(measure(project, seen, judge(project, seen)))
        before = seen.counters or before
        time.sleep(max(0, started + every_s - time.monotonic()))


class Page(Collector):
    """The metrics of the last look, in the form of prometheus_client. Who comes before the first look waits for it."""

    def __init__(self) -> None:
        self._metrics: list[Metric] = []
        self._looked = threading.Event()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def show(self, metrics: list[Metric]) -> None:
        """Take the metrics of a look in the place of those of the one before."""
        self._metrics = metrics
        self._looked.set()

    def collect(self) -> Iterator[Family]:
        """Return a family for each name that has a figure."""
        self._looked.wait()
        metrics = self._metrics
        for name, meaning in MEANINGS.items():
            found = [metric for metric in metrics if metric.name == name]
            if found:
                is_counter = name.endswith(_COUNTER)
                family = Family(f"pg2es_{name.removesuffix(_COUNTER)}", meaning, "counter" if is_counter else "gauge")
                for metric in found:
                    family.add_sample(f"pg2es_{name}", metric.labels, metric.value)
                yield family


def serve(page: Page, listen: str, login: tuple[str, str] | None, certificate: Certificate | None) -> None:
    """Serve the page in a thread that ends with the process; by HTTPS where there is a certificate.

    Raises BadParameter for an address that is none, is in use, or that others reach though no password is asked for,
    and for a certificate that cannot be read.
    """
    host, port = _parse_address(listen, anonymous=login is None)
    files = (str(certificate.file), str(certificate.key)) if certificate else (None, None)
    try:
        # It begins with an empty page: nobody sees a figure before the login stands before them.
        server, _ = start_wsgi_server(port, host, CollectorRegistry(), *files)
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on {listen}: {error.strerror or error}") from error
    app = make_wsgi_app(page.registry)
    server.set_app(_require_login(app, login) if login else app)


def _parse_address(listen: str, *, anonymous: bool) -> tuple[str, int]:
    """Return host and port."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter(f"{listen!r} is no address; it takes HOST:PORT, such as 127.0.0.1:9408")
    host = host.strip("[]")
    try:
        *_, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise typer.BadParameter(f"cannot listen on {listen}: {error.strerror}") from error
    if anonymous and not ipaddress.ip_address(address[0]).is_loopback:
        raise typer.BadParameter(
            f"{listen} can be reached from other machines: set {USER} and {PASSWORD} (or {PASSWORD}_FILE), "
            f"or listen on 127.0.0.1"
        )
    return host, int(port)


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
