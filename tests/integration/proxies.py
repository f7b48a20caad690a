"""Proxies before a server: one that takes TLS off, one that leads to another server from some moment on."""

import contextlib
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

BYTES = 65_536


class Proxy(socketserver.ThreadingTCPServer):
    """Hands on what comes to a port of this machine, with `trust` only from those who speak TLS."""

    daemon_threads = True

    def __init__(self, upstream: int, trust: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.trust = trust
        self.open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def lead_to(self, upstream: int) -> None:
        """Lead to another port from now on, and end what is open."""
        self.upstream = upstream
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with contextlib.suppress(OSError), self._accept() as client, self._connect() as server:
            self.server.open.add(server)
            try:
                _hand_on(client, server)
            finally:
                self.server.open.discard(server)

    def _accept(self) -> socket.socket:
        connection: socket.socket = self.request
        return self.server.trust.wrap_socket(connection, server_side=True) if self.server.trust else connection

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.upstream))


def _hand_on(client: socket.socket, server: socket.socket) -> None:
    """Hand on what comes from either side until both have ended.

    One thread for both: OpenSSL lets no two of them use one connection at a time.
    """
    target = {client: server, server: client}
    while target:
        decrypted = [one for one in target if isinstance(one, ssl.SSLSocket) and one.pending()]
        for source in decrypted or select.select(list(target), [], [])[0]:
            if content := source.recv(BYTES):
                target[source].sendall(content)
            else:
                target.pop(source).shutdown(socket.SHUT_WR)


@contextmanager
def proxy(upstream: int, trust: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Give a proxy before a port."""
    with Proxy(upstream, trust) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def tls_proxy(upstream: str, certificate: Path, *, clients: Path | None = None) -> Iterator[str]:
    """Give the https address of a proxy before an http server; `clients`: whose certificates it asks for."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(certificate)
    if clients:
        trust.load_verify_locations(clients)
        trust.verify_mode = ssl.CERT_REQUIRED
    with proxy(urlsplit(upstream).port or 80, trust) as server:
        yield f"https://127.0.0.1:{server.port}"
