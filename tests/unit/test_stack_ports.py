from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from stack.ports import find_port_holder, is_port_free


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_listener_makes_its_port_busy_and_is_named(listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    assert not is_port_free(port)
    assert (find_port_holder(port) or "").startswith(f"process {os.getpid()} (")


def test_a_port_nobody_listens_on_is_free(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()

    assert is_port_free(port)
    assert find_port_holder(port) is None


def test_a_connection_left_behind_does_not_hold_a_port(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        accepted, _ = listener.accept()
        # The side that closes first is left in TIME_WAIT: here the server's.
        accepted.close()
    listener.close()

    assert is_port_free(port)
