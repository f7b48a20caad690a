"""Faults of the network between the servers of this machine, made by rules of the kernel's packet filter (nftables).

The rules of a fault stand in a table of their own, which goes as a whole when the fault is over. To set them takes
root, as it does for a firewall.
"""

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil

from stack.config import HOST

_MARK = 77
"""Of the packets that a slow link sends on: they are not redirected again."""
_BYTES = 65_536


@contextmanager
def cut(*ports: int) -> Iterator[None]:
    """Drop every packet to and from the servers on some ports: nobody is told, whoever asks waits."""
    with _filter(f"tcp dport {_set(ports)} drop", f"tcp sport {_set(ports)} drop"):
        yield


@contextmanager
def refused(*ports: int) -> Iterator[None]:
    """Reset every connection to the servers on some ports, and refuse new ones."""
    with _filter(f"tcp dport {_set(ports)} reject with tcp reset"):
        yield


@contextmanager
def half_open(*ports: int, clients: Iterable[int] | None = None) -> Iterator[None]:
    """Drop the packets of all connections that the servers on some ports have now; those made anew are sound.

    As when a firewall has forgotten them: no end is told, and both believe in them until they notice by themselves.
    `clients`: of the connections from these ports alone.
    """
    forgotten = [(port, _set(connected)) for port in ports if (connected := clients or _connected(port))]
    if not forgotten:
        raise AssertionError(f"nobody is connected to {_set(ports)}")
    with _filter(
        *(f"tcp dport {port} tcp sport {theirs} drop" for port, theirs in forgotten),
        *(f"tcp sport {port} tcp dport {theirs} drop" for port, theirs in forgotten),
    ):
        yield


@contextmanager
def slow(*ports: int, delay_s: float) -> Iterator[None]:
    """Let whatever is sent to the servers on some ports arrive so much later; who is connected has to connect anew.

    At the end, too: the links close before their rules go, without which no end of a connection reaches the client.
    """
    with ExitStack() as links_open:
        links = {port: links_open.enter_context(_slow_link(port, delay_s)) for port in ports}
        with _redirected(links), links_open:
            yield


@contextmanager
def overloaded(*ports: int) -> Iterator[None]:
    """Let everything that is asked of the servers of HTTP on some ports be refused with 429, too many requests."""
    with ThreadingHTTPServer((HOST, 0), _Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            with _redirected(dict.fromkeys(ports, server.server_port)):
                yield
        finally:
            server.shutdown()
            thread.join()


class _Refusing(BaseHTTPRequestHandler):
    """Refuses; keeps no connection, so none is left when it is over."""

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"error": {"type": "es_rejected_execution_exception", "reason": "overloaded"}, "status": 429}'
        self.send_response(429)
        self.send_header("X-elastic-product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _refuse  # noqa: N815 - the names that the library calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _connected(port: int) -> set[int]:
    """Return the ports from which the server on a port is reached now."""
    return {c.raddr.port for c in psutil.net_connections("tcp") if c.raddr and c.laddr and c.laddr.port == port}


@contextmanager
def _redirected(links: Mapping[int, int]) -> Iterator[None]:
    """Let who connects to a port reach another one; who is connected has to connect anew."""
    other = [f"tcp dport {port} meta mark != {_MARK} redirect to :{link}" for port, link in links.items()]
    old = [
        f"tcp dport {port} tcp sport {_set(connected)} reject with tcp reset"
        for port in links
        if (connected := _connected(port))
    ]
    with _table("pg2es_redirected", "nat", "-100", *other), _filter(*old):
        yield


def _set(ports: Iterable[int]) -> str:
    """Return ports as a set of nftables."""
    return f"{{ {', '.join(map(str, sorted(ports)))} }}"


@contextmanager
def _filter(*rules: str) -> Iterator[None]:
    with _table("pg2es_faults", "filter", "0", *rules):
        yield


@contextmanager
def _table(name: str, kind: str, priority: str, *rules: str) -> Iterator[None]:
    _remove_leftovers()
    name = f"{name}_{os.getpid()}"
    chain = "\n".join([f"type {kind} hook output priority {priority};", *rules])
    _nft(f"table ip {name} {{\nchain output {{\n{chain}\n}}\n}}\n")
    try:
        yield
    finally:
        _nft(f"delete table ip {name}\n")


def _remove_leftovers() -> None:
    """Remove the rules of processes that were killed."""
    for line in _nft("list tables ip\n").splitlines():
        name = line.split()[-1]
        if name.startswith("pg2es_") and not psutil.pid_exists(int(name.rpartition("_")[2])):
            _nft(f"delete table ip {name}\n")


def _nft(commands: str) -> str:
    return subprocess.run(["nft", "-f", "-"], input=commands, text=True, check=True, stdout=subprocess.PIPE).stdout


@contextmanager
def _slow_link(port: int, delay_s: float) -> Iterator[int]:
    """Give the port of a link that hands on, to and from a server, what came; to the server later."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # when the link closes; asyncio would log it as an error
            await connect_both(reader, writer)

    async def connect_both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, _MARK)
        server.setblocking(False)
        try:
            with suppress(OSError):
                await asyncio.get_running_loop().sock_connect(server, (HOST, port))
                from_server, to_server = await asyncio.open_connection(sock=server)
                try:
                    await asyncio.gather(_hand_on(reader, to_server, delay_s), _hand_on(from_server, writer, 0))
                finally:
                    to_server.transport.abort()
        finally:
            writer.transport.abort()
            server.close()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(take, HOST, 0)

    async def close() -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close what they have in the loop's next turn

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _hand_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay_s: float) -> None:
    """Hand on what comes until it ends, each piece `delay_s` after it came and in its order."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        with suppress(OSError):
            while (piece := await pieces.get())[1]:
                await asyncio.sleep(piece[0] - loop.time())
                target.write(piece[1])
                await target.drain()
        with suppress(OSError):
            target.close()
            await target.wait_closed()

    sending = asyncio.create_task(send())
    with suppress(OSError):
        while content := await source.read(_BYTES):
            pieces.put_nowait((loop.time() + delay_s, content))
    pieces.put_nowait((loop.time() + delay_s, b""))
    await sending
