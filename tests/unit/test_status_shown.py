"""`pg2es status` on a terminal of 80 columns."""

from dataclasses import replace

import pytest

from pg2es.cli import console, status
from pg2es.core.monitoring import Delay, Slot
from pg2es.core.monitoring.status import Indexing
from tests.unit.looks import HEALTHY, MIB, PIPELINE, SOURCE

WRITES = Indexing(12_345.6, 0.1)


def test_each_row_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console.out, "width", 80)
    busy = replace(
        HEALTHY,
        sources=(replace(SOURCE, slot=Slot(True, 1234 * MIB, 123 * MIB), lag=Delay(12_345, True)),),
        pipelines=(replace(PIPELINE, freshness=Delay(12_345, True), indexing=WRITES, lag={"a": 99_999}),),
    )
    status.show(busy, [])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[1:])) <= 80
    [source] = [line.split() for line in lines if line.startswith("shop")]
    assert source == ["shop", "RUNNING", "active", "1,234.0", "MiB", "123.0", "MiB", "12,345", "ms", "0"]
    [pipeline] = [line for line in lines if line.startswith("orders")]
    assert pipeline.split() == [
        "orders", "orders-000002", "RUNNING", "99,999", "12,345", "ms", "12,345.6/s", "equal", "01-02", "11:00",
    ]  # fmt: skip
