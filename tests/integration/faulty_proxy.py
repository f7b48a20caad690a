"""A proxy before Elasticsearch that lets bulk requests fail, get lost and overtake each other."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import httpx

HELD_S = 0.2
FATES = {"pass": 5, "hold": 3, "refuse": 2, "lose": 2, "full": 1}
"""What becomes of a bulk request, and how often: it is held until another has been answered; it does not arrive; it
arrives and the answer does not; Elasticsearch has no room."""


class FaultyProxy(ThreadingHTTPServer):
    """Draws a fate for each bulk request from a seed; anything else passes."""

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = httpx.Client(base_url=os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")[0], timeout=30)
        self.most_at_once = 0
        self.fates: set[str] = set()
        self._random = Random(seed)
        self._at_once = 0
        self._answered = threading.Condition()

    def server_close(self) -> None:
        super().server_close()
        self.upstream.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def begin(self) -> str:
        """Note a bulk request and return its fate."""
        with self._answered:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            [fate] = self._random.choices(list(FATES), weights=list(FATES.values()))
            self.fates.add(fate)
            return fate

    def hold(self) -> None:
        """Wait until another request has been answered, in vain when there is none."""
        with self._answered:
            self._answered.wait(HELD_S)

    def end(self) -> None:
        """Note that a bulk request was answered."""
        with self._answered:
            self._at_once -= 1
            self._answered.notify_all()


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        if "/_bulk" not in self.path:
            self._forward()
            return
        fate = self.server.begin()
        try:
            if fate == "hold":
                self.server.hold()
            if fate in ("pass", "hold"):
                self._forward()
            elif fate == "lose":
                self._ask()
                self._answer(503, b"{}")
            else:
                self._read()
                self._answer(429 if fate == "full" else 503, b"{}")
        finally:
            self.server.end()

    def _forward(self) -> None:
        answer = self._ask()
        self._answer(answer.status_code, answer.content)

    def _ask(self) -> httpx.Response:
        names = ("authorization", "content-type")
        headers = {name: value for name, value in self.headers.items() if name.lower() in names}
        return self.server.upstream.request(self.command, self.path, content=self._read(), headers=headers)

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def faulty_proxy(seed: int) -> Iterator[FaultyProxy]:
    """Give a proxy that listens."""
    with FaultyProxy(seed) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
