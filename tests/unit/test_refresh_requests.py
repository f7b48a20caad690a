"""Requests in the refresh topics, the topics' names, and which of them are waited for."""

import json
from pathlib import Path

import pytest

from pg2es.core.config import Source, load_project
from pg2es.core.errors import UnreadableRecord
from pg2es.core.refresh import ask_for_all, ask_for_keys, parse_keys
from pg2es.core.refresh.requests import PAGE
from pg2es.core.stream import topics_to_reach

SOURCE = Source.model_validate(
    {"name": "shop", "postgres": {"host": "db", "database": "shop", "user": "pg2es", "password": "${env:PASSWORD}"}}
)


def test_keys_are_asked_for_in_pages() -> None:
    keys = [(str(number), "x") for number in range(PAGE + 1)]
    first, second = ask_for_keys(keys, "orders-000001")
    assert first == {"keys": [list(key) for key in keys[:PAGE]], "index": "orders-000001"}
    assert second == {"keys": [[str(PAGE), "x"]], "index": "orders-000001"}
    assert list(ask_for_keys([])) == []
    assert ask_for_all() == {"all": True}


def test_what_is_written_is_read() -> None:
    [page] = ask_for_keys([("17", "a"), ("18", "b")])
    assert parse_keys(json.dumps(page).encode(), 2) == [("17", "a"), ("18", "b")]
    assert parse_keys(b'{"keys": [[17]]}', 1) == [("17",)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, 'has no "keys"'),
        (b"{", "is not JSON"),
        (b"[]", 'has no "keys"'),
        (b'{"keys": "17"}', 'has no "keys"'),
        (b'{"keys": [["17", "18"]]}', 'no "keys" of 1 columns each'),
        (b'{"all": true}', "run the pipeline's backfill"),
    ],
)
def test_a_record_without_keys_says_so(value: bytes | None, reason: str) -> None:
    with pytest.raises(UnreadableRecord, match=reason):
        parse_keys(value, 1)


def test_a_sink_has_to_reach_its_changes_and_then_the_refresh_topic_twice() -> None:
    refresh, later = SOURCE.refresh_topics("orders")
    config = {
        "topics": f"shop.public.orders,shop.public.items,{refresh},{later}",
        "refresh.topic": refresh,
        "refresh.later.topic": later,
    }
    assert topics_to_reach(config) == [["shop.public.items", "shop.public.orders"], [refresh], [refresh]]
    # Of an earlier version.
    assert topics_to_reach({"topics": "b,a"}) == [["a", "b"]]


def test_dead_letters_take_no_refresh_topic(tmp_path: Path) -> None:
    (tmp_path / "platform.yaml").write_text((Path("include") / "platform.yaml").read_text())
    for folder in ("sources", "pipelines", "mappings"):
        (tmp_path / folder).mkdir()
    (tmp_path / "sources" / "shop.yaml").write_text(
        "postgres: {host: db, database: shop, user: pg2es, password: '${env:PASSWORD}'}\n"
        "dead_letter_topic: shop.orders-refresh-later\n"
    )
    (tmp_path / "pipelines" / "orders.yaml").write_text("source: shop\ntable: public.orders\n")
    (tmp_path / "mappings" / "orders.json").write_text("{}")
    aside = load_project(tmp_path).aside
    assert "is the topic of the refreshes of pipeline orders already" in str(aside[0].error)
