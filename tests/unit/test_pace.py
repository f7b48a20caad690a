"""The pace of a copy: slower with each slice that is not taken, faster again with those that are."""

from pg2es.core.refresh import Pace
from pg2es.core.refresh.pace import CALM_SLICES


def test_slower_and_faster_again() -> None:
    pace = Pace(2)
    assert (pace.waiting, pace.pause_s) == (2, 0)
    found = []
    for _ in range(8):
        pace.slow_down()
        found.append((pace.waiting, pace.pause_s))
    assert found == [(1, 0.5), (0, 1.0), (0, 2.0), (0, 4.0), (0, 8.0), (0, 16.0), (0, 30.0), (0, 30.0)]
    for _ in range(CALM_SLICES - 1):
        pace.went_well()
    assert (pace.waiting, pace.pause_s) == (0, 30.0)
    pace.went_well()
    assert (pace.waiting, pace.pause_s) == (1, 15.0)
    for _ in range(10 * CALM_SLICES):
        pace.went_well()
    assert (pace.waiting, pace.pause_s) == (2, 0)


def test_one_refusal_begins_the_count_anew() -> None:
    pace = Pace(2)
    pace.slow_down()
    for _ in range(CALM_SLICES - 1):
        pace.went_well()
    pace.slow_down()
    pace.went_well()
    assert (pace.waiting, pace.pause_s) == (0, 1.0)
