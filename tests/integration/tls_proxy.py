"""Takes TLS off before a server that has none here: whoever connects has to trust its certificate, and show its own."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

BYTES = 65_536


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, upstream: str, trust: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.trust = trust
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname, parts.port)


class _Handler(socketserver.BaseRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        with (
            contextlib.suppress(OSError),
            self.server.trust.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(self.server.upstream) as server,
        ):
            back = threading.Thread(target=_pump, args=(server, client))
            back.start()
            _pump(client, server)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until it ends."""
    with contextlib.suppress(OSError):
        while content := source.recv(BYTES):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def tls_proxy(upstream: str, certificate: Path, *, clients: Path | None = None) -> Iterator[str]:
    """Give the https address of a proxy before an http server; `clients`: whose certificates it asks for."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(certificate)
    if clients:
        trust.load_verify_locations(clients)
        trust.verify_mode = ssl.CERT_REQUIRED
    with _Proxy(upstream, trust) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()
