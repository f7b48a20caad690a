"""What tasks import is there before their processes are forked."""

import psutil

from demo.airflow import Airflow
from stack.launcher import Stack


def test_the_scheduler_has_imported_the_clients_of_the_servers(airflow: Airflow) -> None:
    [scheduler] = [service for service in Stack().status() if service.name == "airflow-scheduler"]
    assert scheduler.pid
    libraries = {part.path for part in psutil.Process(scheduler.pid).memory_maps()}
    assert any("confluent_kafka" in path for path in libraries)
    assert any("orjson" in path for path in libraries)
