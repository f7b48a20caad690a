"""When a failed connector is restarted, and when it is given up."""

from pg2es.core.recovery import Step, Tries, decide, note_running
from pg2es.core.recovery.restarts import FORGET_S, LONGEST_PAUSE_S

PAUSE_S = 120.0


def steps(times: list[float], tries: Tries | None = None, most: int = 3) -> list[Step]:
    """Return what is done about a connector that is found failed at these times."""
    tries, found = tries or Tries(), []
    for now in times:
        step, tries = decide(tries, now, pause_s=PAUSE_S, most=most)
        found.append(step)
    return found


def test_pauses_double_and_then_it_is_given_up() -> None:
    restarted = {now for now in range(1000, 3000, 60) if steps(list(range(1000, now + 1, 60)))[-1] is Step.RESTART}
    assert restarted == {1000, 1120, 1360}
    assert steps([1000, 1120, 1360, 1420, 9000])[3:] == [Step.GIVE_UP, Step.GIVE_UP]


def test_pauses_have_an_end() -> None:
    assert Tries(60, 1000).next_at(PAUSE_S) == 1000 + LONGEST_PAUSE_S


def test_no_restart_at_all() -> None:
    assert steps([1000], most=0) == [Step.GIVE_UP]


def test_what_has_run_a_while_is_forgotten() -> None:
    tries: Tries | None = Tries(2, 1000)
    assert tries
    tries = note_running(tries, 1100)
    assert tries == Tries(2, 1000, 1100)
    assert note_running(tries, 1100 + FORGET_S - 1) == tries
    assert note_running(tries, 1100 + FORGET_S) is None
    # Failed again before that, the tries count on; a while later, it is a first failure.
    assert decide(tries, 1400, pause_s=PAUSE_S, most=3) == (Step.RESTART, Tries(3, 1400))
    assert decide(tries, 1100 + FORGET_S, pause_s=PAUSE_S, most=3) == (Step.RESTART, Tries(1, 1100 + FORGET_S))


def test_a_connector_that_never_failed_is_not_kept() -> None:
    assert note_running(Tries(), 1000) is None


def test_running_for_a_moment_does_not_count_as_running_since() -> None:
    running = note_running(Tries(1, 1000), 1010)
    assert running
    _, failed = decide(running, 1020, pause_s=PAUSE_S, most=3)  # waits
    assert note_running(failed, 5000) == Tries(1, 1000, 5000)


def test_json() -> None:
    tries = Tries(2, 1000.5, 1100)
    assert Tries.from_json(tries.to_json()) == tries
