"""A Cloud ID of a deployment at Elastic stands for the address of its Elasticsearch."""

import base64
import json
from pathlib import Path

import pytest

from pg2es.core.config import load_project
from pg2es.core.errors import ConfigError
from pg2es.services.clients import Clients

LOGINS = {"api_key": "key", "sink_api_key": "key"}


def make_clients(folder: Path, cloud_id: str) -> Clients:
    """Return the clients of a project whose Elasticsearch is at Elastic."""
    keys = dict.fromkeys(LOGINS, "${env:PG2ES_KEY}")
    platform = {
        "elasticsearch": {"cloud_id": cloud_id, **keys},
        "kafka": {"bootstrap": "k:9092"},
        "connect": {"urls": "http://c:8083"},
    }
    (folder / "platform.yaml").write_text(json.dumps(platform))
    return Clients(load_project(folder))


@pytest.mark.parametrize(("host", "port"), [("europe.example", 443), ("europe.example:9243", 9243)])
def test_it_is_an_address(host: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG2ES_KEY", "key")
    cloud_id = f"search:{base64.b64encode(f'{host}$cluster$kibana'.encode()).decode()}"
    assert make_clients(tmp_path, cloud_id).elasticsearch_access().urls == (f"https://cluster.europe.example:{port}",)


@pytest.mark.parametrize("cloud_id", ["nothing", "search:nothing", "search:"])
def test_what_is_none_is_called_so(cloud_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG2ES_KEY", "key")
    with pytest.raises(ConfigError, match=r"elasticsearch\.cloud_id: expected the Cloud ID of a deployment"):
        make_clients(tmp_path, cloud_id).elasticsearch_access()
