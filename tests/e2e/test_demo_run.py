"""`python -m demo` on the whole stack, twice: the second time on top of what an interrupted one has left."""

import os
import subprocess
import sys

from pg2es.core.config import load_project
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from tests import oracle
from tests.support import CHECKOUT

TIMEOUT_S = 540


def start_demo() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=CHECKOUT,
        env=os.environ | {"DEMO_ORDERS": "300", "PYTHONPATH": f"{CHECKOUT / 'include'}:{CHECKOUT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_demo_verifies_every_document_also_after_a_killed_one(stack_environment: dict[str, str]) -> None:
    with start_demo() as killed:
        assert killed.stdout
        next(line for line in killed.stdout if "orders loaded" in line or "there already" in line)
        killed.kill()
    with start_demo() as demo:
        shown, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 0, shown
    assert "verified: every document equals its row" in shown
    clients = Clients(load_project(CHECKOUT / "include"))
    for pipeline in clients.project.pipelines.values():
        oracle.check(clients, pipeline, require_live_generation(clients.elasticsearch, pipeline))
    assert f"Airflow: {stack_environment['PG2ES_AIRFLOW_URL']}" in shown
