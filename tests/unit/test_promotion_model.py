"""Rule 13 of the refresh protocol in a small world: it holds, and each of its parts is needed."""

from dataclasses import replace

import pytest

from tests.unit.promotion_world import Rules, explore


def test_every_document_becomes_right() -> None:
    assert explore(Rules()) is None


@pytest.mark.parametrize("without", [["epoch"], ["stop"], ["offset"], ["compare", "again"], ["again"]], ids=" ".join)
def test_no_rule_can_be_left_out(without: list[str]) -> None:
    path = explore(replace(Rules(), **dict.fromkeys(without, False)))
    assert path is not None
    assert "adoption" in path
