"""Dead letters as Kafka Connect writes them: what is read from them, and how they are grouped."""

from datetime import UTC, datetime, timedelta

import pytest

from pg2es.core.config import Pipeline
from pg2es.core.dead_letters import REASON_CHARACTERS, DeadLetterRecord, group_records, shorten, to_ranges

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ORDERS = Pipeline(name="orders", source="shop", table="public.orders", mapping={})
REJECTED = "io.pg2es.connect.RejectedDocumentException"


def letter(
    message: str, *, exception: str = REJECTED, index: str = "orders-000001", minutes: int = 0
) -> DeadLetterRecord:
    headers = {
        "connector.name": f"pg2es-sink-{index}",
        "topic": "shop.public.orders",
        "partition": "2",
        "offset": "7",
        "exception.class.name": exception,
        "exception.message": message,
        "exception.stacktrace": "at …",
    }
    encoded = {f"__connect.errors.{name}": value.encode() for name, value in headers.items()}
    return DeadLetterRecord.read(0, minutes, NOON + timedelta(minutes=minutes), {**encoded, "other": b""}, None, b"{}")


def rejected(reason: str, identifier: str = "1") -> DeadLetterRecord:
    return letter(f"Pipeline orders: document {identifier} was rejected for index orders-000001: {reason}.")


@pytest.mark.parametrize(
    ("reason", "error", "field"),
    [
        (
            "document_parsing_exception: [1:9] failed to parse field [a.b] of type [long] in document with id '1'",
            "document_parsing_exception",
            "a.b",
        ),
        (
            'illegal_argument_exception: Document contains at least one immense term in field="note" (whose UTF8',
            "illegal_argument_exception",
            "note",
        ),
        (
            "document_parsing_exception: [1:9] object mapping for [customer] tried to parse field [customer] as object",
            "document_parsing_exception",
            "customer",
        ),
        (
            "strict_dynamic_mapping_exception: mapping set to strict, dynamic introduction of [extra] is not allowed",
            "strict_dynamic_mapping_exception",
            "extra",
        ),
        ("id_too_long: the id has 600 bytes, Elasticsearch takes 512", "id_too_long", None),
    ],
)
def test_a_rejection_is_taken_apart(reason: str, error: str, field: str | None) -> None:
    found = rejected(reason)
    assert (found.index, found.error, found.field, found.subject) == ("orders-000001", error, field, "document 1")
    assert found.names_root
    assert found.reason in f"{reason}."
    assert found.group == "/".join(filter(None, ("orders-000001", error, field)))


def test_an_id_may_hold_anything() -> None:
    assert rejected("id_too_long: x", "a: b\nwas rejected").subject == "document a: b was rejected"


def test_a_record_that_the_sink_could_not_use() -> None:
    found = letter(
        "Pipeline orders cannot use the record at shop.public.orders-2@7: it has no column id; the source must.",
        exception="io.pg2es.connect.UnusableRecordException",
    )
    assert (found.error, found.field, found.names_root) == ("UnusableRecordException", "id", False)
    assert found.subject == "record shop.public.orders-2@7"


def test_what_is_shown_is_short_and_in_one_line() -> None:
    found = rejected(f"some_exception: {'secret ' * 1000}", "y" * 600)
    assert len(found.reason) == REASON_CHARACTERS
    assert found.reason.endswith("…")
    assert len(found.subject) < 100
    assert shorten("a\n b", 10) == "a b"


def test_groups_count_and_keep_the_first() -> None:
    letters = [
        letter("Pipeline orders: document b was rejected for index orders-000001: x_exception: r.", minutes=5),
        letter("Pipeline orders: document a was rejected for index orders-000001: x_exception: r.", minutes=1),
        letter("Pipeline gone: document c was rejected for index gone-000001: x_exception: r.", index="gone-000001"),
    ]
    first, second = group_records(letters, [ORDERS])
    assert (first.name, first.pipeline, first.count, first.subject) == (
        "orders-000001/x_exception", "orders", 2, "document b",
    )  # fmt: skip
    assert (first.first, first.last) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=5))
    assert second.pipeline is None
    assert first.to_json()["last"] == "2026-01-02T12:05:00+00:00"
    assert str(first) == (
        "orders-000001/x_exception: 2, 2026-01-02 12:01:00 to 2026-01-02 12:05:00, first document b: r."
    )


@pytest.mark.parametrize(
    ("offsets", "ranges"),
    [([], []), ([3], [(3, 4)]), ([5, 3, 4, 4, 8], [(3, 6), (8, 9)])],
)
def test_ranges_hold_exactly_the_offsets(offsets: list[int], ranges: list[tuple[int, int]]) -> None:
    assert to_ranges(offsets) == ranges


def test_quoted_values_are_left_out_where_the_pipeline_redacts() -> None:
    orders = ORDERS.model_copy(update={"redact": ("amount",)})
    parsing = "document_parsing_exception: [1:9] failed to parse field [amount] of type [long]. Preview: 'secret'"
    groups = group_records([rejected(parsing), rejected("id_too_long: the id has 600 bytes")], [orders])
    assert [group.reason for group in groups] == [
        "[1:9] failed to parse field [amount] of type [long] (redacted)",
        "the id has 600 bytes.",
    ]
