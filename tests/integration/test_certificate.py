"""Certificates: what they say is what an auditor finds, who computes the checksum again from the documents."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from pg2es.services.drift import compare
from tests import oracle
from tests.integration.compared import ROWS, Compared, add_books, keep_changing
from tests.integration.conftest import Run
from tests.support import Database, ProjectFolder


@pytest.fixture
def compared(streamed_folder: ProjectFolder, database: Database) -> Compared:
    """A pipeline that was backfilled."""
    return add_books(streamed_folder, database, compare)


def sum_again(index: str) -> str:
    """Return the checksum of an index, from the bytes of each document."""
    login = (os.environ["PG2ES_ELASTICSEARCH_USER"], os.environ["PG2ES_ELASTICSEARCH_PASSWORD"])
    url, total = os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")[0], 0
    with httpx.Client(base_url=url, auth=login) as client:
        for identifier in oracle.read_documents(index):
            source = client.get(f"/{index}/_source/{identifier}").raise_for_status().content
            total += int(hashlib.sha256(identifier.encode() + bytes(1) + source).hexdigest(), 16)
    return f"{total % 2**256:064x}"


def certify(run: Run, pipeline: str, folder: Path) -> tuple[int, str, dict[str, Any], str]:
    """Return exit status, output, and what both files say."""
    status, out, err = run("certify", pipeline, "--folder", str(folder))
    assert err == ""
    [data], [page] = folder.glob("*.json"), folder.glob("*.md")
    return status, out, json.loads(data.read_text()), page.read_text()


def test_what_is_equal(compared: Compared, run: Run, tmp_path: Path) -> None:
    compared.pass_barrier()
    status, out, data, page = certify(run, compared.pipeline.name, tmp_path / "equal")
    assert status == 0
    verdict = f"Equal: each of {ROWS:,} documents is, byte for byte, what its row says."
    assert verdict in out
    assert verdict in page
    assert data["equal"] is True
    assert data["documents"] == {
        "equal": ROWS,
        "missing": 0,
        "stale": 0,
        "extra": 0,
        "altered": 0,
        "unjudged": 0,
        "unreadable": 0,
        "in flight": 0,
    }
    index = compared.generation.index
    checksum = sum_again(index)
    assert data["checksums"] == {"PostgreSQL": checksum, "Elasticsearch": checksum}
    assert checksum in page
    [[version, position]] = compared.database.fetch(
        "SELECT split_part(current_setting('server_version'), ' ', 1), pg_current_wal_lsn()"
    )
    assert f"PostgreSQL {version}" in data["compared"]["rows"]
    assert index in data["compared"]["documents"]
    assert compared.database.fetch(f"SELECT '{data['lsn']}'::pg_lsn <= '{position}'::pg_lsn") == [(True,)]
    assert os.environ["PG2ES_POSTGRES_PASSWORD"] not in page + json.dumps(data)
    _, reported, _ = run("report", compared.pipeline.name, "--kind", "certificate", "--json")
    assert json.loads(reported)["details"] == data


def test_what_differs(compared: Compared, run: Run, tmp_path: Path) -> None:
    compared.delete(1)
    compared.store("4", compared.stored("4").replace("title 4", "Title 4"))
    status, out, data, page = certify(run, compared.pipeline.name, tmp_path / "differs")
    assert status == 1
    assert f"Not equal: 2 documents differ from their rows, {ROWS - 2:,} are equal." in out
    assert data["equal"] is False
    assert data["named"] == {"missing": ["1"], "altered": ["4"]}
    assert data["checksums"]["Elasticsearch"] == sum_again(compared.generation.index)
    assert data["checksums"]["PostgreSQL"] != data["checksums"]["Elasticsearch"]
    assert "- missing: `1`" in page


def test_while_rows_change(compared: Compared, run: Run, tmp_path: Path) -> None:
    with keep_changing(compared.database):
        status, out, data, _ = certify(run, compared.pipeline.name, tmp_path / "changing")
    # What changes faster than it can be read stays unproven; nothing of it is called drift.
    unproven = data["documents"].pop("in flight")
    assert (status, data["equal"]) == ((1, False) if unproven else (0, True)), out
    assert set(data["documents"]) == {"equal", "missing", "stale", "extra", "altered", "unjudged", "unreadable"}
    assert not any(count for kind, count in data["documents"].items() if kind != "equal")
    assert data["checksums"]["PostgreSQL"] == data["checksums"]["Elasticsearch"]
    compared.pass_barrier()
    assert certify(run, compared.pipeline.name, tmp_path / "still")[0] == 0
