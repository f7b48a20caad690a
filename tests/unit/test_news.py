"""News of breaches: told once when one begins, once when it is over, and nothing while it lasts."""

from dataclasses import replace

import pytest

from pg2es.core.config import Project
from pg2es.core.monitoring import Breach, Kind, find_news
from pg2es.core.monitoring.news import News
from tests.unit.looks import SINK

STALLED = Breach(Kind.SINK_STALLED, "orders", "A change has waited 45 s in vain.")
LETTERS = Breach(Kind.DEAD_LETTERS, "shop", "One dead letter is open.")
WORKER = Breach(Kind.WORKER_DOWN, "http://b", "A worker does not answer.")
KAFKA = Breach(Kind.UNREACHABLE, "Kafka", "Kafka does not answer.")


def test_a_breach_begins_lasts_and_is_over(project: Project) -> None:
    assert find_news(project, [], [STALLED]) == News((STALLED,), (), (STALLED,))
    later = replace(STALLED, sentence="A change has waited 46 s in vain.")
    assert find_news(project, [STALLED], [later]) == News((), (), (later,))
    assert find_news(project, [later], [LETTERS]) == News((LETTERS,), (later,), (LETTERS,))
    assert find_news(project, [LETTERS], []) == News((), (LETTERS,), ())


def test_the_same_kind_about_another_is_another(project: Project) -> None:
    other = replace(STALLED, about="items")
    assert find_news(project, [STALLED], [STALLED, other]) == News((other,), (), (STALLED, other))


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.REFUSED])
def test_what_cannot_be_seen_is_not_over(project: Project, kind: Kind) -> None:
    blind = replace(KAFKA, kind=kind)
    assert find_news(project, [LETTERS], [blind]) == News((blind,), (), (blind, LETTERS))
    assert find_news(project, [blind, LETTERS], [blind]) == News((), (), (blind, LETTERS))
    assert find_news(project, [blind, LETTERS], [LETTERS]) == News((), (blind,), (LETTERS,))
    assert find_news(project, [blind, LETTERS], []) == News((), (blind, LETTERS), ())


def test_one_server_answers_again_while_another_does_not(project: Project) -> None:
    other = replace(KAFKA, about="Elasticsearch")
    assert find_news(project, [KAFKA, other, LETTERS], [other]) == News((), (KAFKA,), (other, LETTERS))


@pytest.mark.parametrize("about", ["shop", "orders", "pg2es-source-shop", SINK])
def test_a_database_hides_what_is_about_its_source(project: Project, about: str) -> None:
    database, hidden = replace(KAFKA, about="PostgreSQL of shop"), replace(STALLED, about=about)
    assert find_news(project, [hidden, WORKER], [database]) == News((database,), (WORKER,), (database, hidden))


def test_a_breach_is_kept_as_json() -> None:
    assert Breach.from_json(STALLED.to_json()) == STALLED
