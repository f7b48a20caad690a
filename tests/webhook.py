"""A service on this machine that takes messages, as a chat or a pager would."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Webhook(HTTPServer):
    """Answers each message with `status`, and keeps those that it took: type, title, and text."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.status = 200
        self.taken: list[tuple[str, str, str]] = []

    @property
    def connection(self) -> dict[str, Any]:
        """An Airflow connection to it."""
        service = {"path": f"json://127.0.0.1:{self.server_port}/alerts"}
        return {"conn_type": "apprise", "extra": {"config": service}}

    def take(self) -> list[tuple[str, str, str]]:
        """Return the messages that came since the last time."""
        taken, self.taken = self.taken, []
        return taken


class _Receiver(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.taken.append((message["type"], message["title"], message["message"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening() -> Iterator[Webhook]:
    """Give a webhook that listens."""
    with Webhook() as webhook:
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        yield webhook
        webhook.shutdown()
