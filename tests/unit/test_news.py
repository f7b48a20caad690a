"""News of breaches: told once when one begins, once when it is over, and nothing while it lasts."""

from dataclasses import replace

import pytest

from pg2es.core.breaches import Breach, Kind, News, find_news

STALLED = Breach(Kind.SINK_STALLED, "orders", "A change has waited 45 s in vain.")
LETTERS = Breach(Kind.DEAD_LETTERS, "shop", "One dead letter is open.")
BLIND = [Breach(Kind.UNREACHABLE, "Kafka", "Kafka does not answer."), Breach(Kind.REFUSED, "Kafka", "Wrong login.")]


def test_a_breach_begins_lasts_and_is_over() -> None:
    assert find_news([], [STALLED]) == News((STALLED,), (), (STALLED,))
    later = replace(STALLED, sentence="A change has waited 46 s in vain.")
    assert find_news([STALLED], [later]) == News((), (), (later,))
    assert find_news([later], [LETTERS]) == News((LETTERS,), (later,), (LETTERS,))
    assert find_news([LETTERS], []) == News((), (LETTERS,), ())


def test_the_same_kind_about_another_is_another() -> None:
    other = replace(STALLED, about="items")
    assert find_news([STALLED], [STALLED, other]) == News((other,), (), (STALLED, other))


@pytest.mark.parametrize("blind", BLIND)
def test_what_cannot_be_seen_is_not_over(blind: Breach) -> None:
    assert find_news([LETTERS], [blind]) == News((blind,), (), (blind, LETTERS))
    assert find_news([blind, LETTERS], [blind]) == News((), (), (blind, LETTERS))
    assert find_news([blind, LETTERS], [LETTERS]) == News((), (blind,), (LETTERS,))
    assert find_news([blind, LETTERS], []) == News((), (blind, LETTERS), ())


def test_one_server_answers_again_while_another_does_not() -> None:
    kafka, other = BLIND[0], replace(BLIND[0], about="Elasticsearch")
    assert find_news([kafka, other, LETTERS], [other]) == News((), (kafka,), (other, LETTERS))


def test_a_breach_is_kept_as_json() -> None:
    assert Breach.from_json(STALLED.to_json()) == STALLED
