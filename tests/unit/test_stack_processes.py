from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import processes
from stack.processes import Process, find_family, find_process, read_pid_file, spawn, wait_until, write_pid_file


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[str]:
    marker = f"{tmp_path}:toy"
    yield marker
    processes.kill(marker)


def start(script: str, tmp_path: Path, marker: str) -> Process:
    """Run a shell script, and return when it has said `ready`."""
    log = tmp_path / "toy.log"
    process = spawn(["sh", "-c", script], os.environ, log, marker)
    assert wait_until(lambda: "ready" in log.read_text(), 10)
    return process


def test_a_process_is_found_by_its_pid_file(tmp_path: Path, marker: str) -> None:
    process = start("echo ready; exec sleep 60", tmp_path, marker)
    write_pid_file(tmp_path / "run" / "toy.pid", process)

    assert read_pid_file(tmp_path / "run" / "toy.pid") == process


def test_it_leads_a_session_of_its_own(tmp_path: Path, marker: str) -> None:
    process = start("echo ready; exec sleep 60", tmp_path, marker)

    assert os.getsid(process.pid) == process.pid


def test_a_recycled_pid_is_not_ours(tmp_path: Path) -> None:
    """The pid of a living process with another start time stands for one that ended before."""
    innocent = find_process(os.getpid())
    assert innocent
    former = Process(innocent.pid, innocent.started - 1)
    write_pid_file(tmp_path / "toy.pid", former)

    assert read_pid_file(tmp_path / "toy.pid") is None
    former.send(signal.SIGKILL)
    assert innocent.is_alive()


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = find_process(child.pid)
        assert process
        child.kill()
        assert wait_until(lambda: not process.is_alive(), 10)


@pytest.mark.parametrize("text", ["", "12", "a b"])
def test_a_damaged_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "toy.pid").write_text(text)

    assert read_pid_file(tmp_path / "toy.pid") is None
    assert read_pid_file(tmp_path / "missing.pid") is None


def test_stop_asks_first(tmp_path: Path, marker: str) -> None:
    process = start("trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.05; done", tmp_path, marker)

    processes.stop(process, marker, signal.SIGTERM, patience_s=10)

    assert "asked" in (tmp_path / "toy.log").read_text()
    assert not process.is_alive()


def test_stop_ends_what_does_not_listen(tmp_path: Path, marker: str) -> None:
    process = start("trap '' TERM; echo ready; while :; do sleep 0.05; done", tmp_path, marker)

    processes.stop(process, marker, signal.SIGTERM, patience_s=0.2)

    assert not process.is_alive()


def test_kill_reaches_a_child_that_left_the_session(tmp_path: Path, marker: str) -> None:
    process = start("setsid sleep 60 & echo ready; wait", tmp_path, marker)
    family = find_family(marker)
    assert process in family
    assert len(family) == 2

    processes.kill(marker)

    assert not any(member.is_alive() for member in family)


def test_kill_reaches_a_child_that_outlived_its_parent(tmp_path: Path, marker: str) -> None:
    process = start("setsid sleep 60 & echo ready", tmp_path, marker)
    assert wait_until(lambda: not process.is_alive(), 10)
    assert len(find_family(marker)) == 1

    processes.kill(marker)

    assert not find_family(marker)


def test_kill_spares_the_services_of_another_data_folder(tmp_path: Path, marker: str) -> None:
    process = start("echo ready; exec sleep 60", tmp_path, marker)

    processes.kill(f"{marker}2")

    assert process.is_alive()


def test_the_previous_log_is_kept(tmp_path: Path, marker: str) -> None:
    start("echo ready one", tmp_path, marker)
    start("echo ready two; echo problem >&2", tmp_path, marker)
    assert wait_until(lambda: not find_family(marker), 10)

    assert (tmp_path / "toy.log").read_text() == "ready two\nproblem\n"
    assert (tmp_path / "toy.log.1").read_text() == "ready one\n"


def test_memory_is_measured(tmp_path: Path, marker: str) -> None:
    start("echo ready; exec sleep 60", tmp_path, marker)

    assert processes.read_memory_bytes(find_family(marker)) > 0
