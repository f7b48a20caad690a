"""What two sides have in a bucket, brought together."""

from hypothesis import given
from hypothesis import strategies as st

from pg2es.services.drift.suspects import pair_buckets

Row = tuple[int | None, str, int]

marked = st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 9), st.integers())).map(
    lambda rows: sorted((bucket, identifier, value) for identifier, (bucket, value) in rows.items())
)
unmarked = st.dictionaries(st.text(max_size=3), st.integers()).map(
    lambda rows: [(None, identifier, value) for identifier, value in rows.items()]
)


@given(marked, marked, unmarked)
def test_each_bucket_comes_once_with_what_both_sides_have(
    ours: list[tuple[int, str, int]], theirs: list[tuple[int, str, int]], without: list[Row]
) -> None:
    stored: list[Row] = [*theirs, *without]
    buckets: list[int | None] = [*sorted({row[0] for row in ours + theirs}), *([None] if without else [])]
    assert list(pair_buckets(ours, stored)) == [
        (
            {identifier: value for number, identifier, value in ours if number == bucket},
            {identifier: value for number, identifier, value in stored if number == bucket},
        )
        for bucket in buckets
    ]


def test_two_empty_sides_have_no_bucket() -> None:
    assert list(pair_buckets([], [])) == []
