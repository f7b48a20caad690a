"""The faults of the network themselves: what is slow comes late, and no client is left with a connection to nobody."""

import socket
import time

from stack.config import HOST
from tests.faults import network

DELAY_S = 0.2
PATIENCE_S = 5


def test_who_waits_behind_a_slow_link_hears_of_its_end() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with network.slow(port, delay_s=DELAY_S):
            client = socket.create_connection((HOST, port), timeout=PATIENCE_S)
            accepted, _ = server.accept()
            sent = time.monotonic()
            client.sendall(b"a question")
            assert accepted.recv(10) == b"a question"
            assert time.monotonic() - sent >= DELAY_S
        with client, accepted:
            try:
                heard = client.recv(1)
            except ConnectionResetError:
                heard = b""
            assert heard == b""
