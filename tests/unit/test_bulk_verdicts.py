"""What the answer to one item of a bulk request means."""

import pytest

from pg2es.adapters.elasticsearch.client import Verdict, judge


@pytest.mark.parametrize(
    ("status", "error_type", "verdict"),
    [
        (200, None, Verdict.WRITTEN),
        (201, None, Verdict.WRITTEN),
        (404, None, Verdict.WRITTEN),  # a delete that found nothing
        (409, "version_conflict_engine_exception", Verdict.CONFLICT),
        (429, "es_rejected_execution_exception", Verdict.AGAIN),
        (500, "null_pointer_exception", Verdict.AGAIN),
        (503, "unavailable_shards_exception", Verdict.AGAIN),
        (403, "cluster_block_exception", Verdict.AGAIN),
        (400, "index_closed_exception", Verdict.AGAIN),
        (400, "document_parsing_exception", Verdict.REJECTED),
    ],
)
def test_every_item_is_judged_by_its_status_and_by_what_its_error_concerns(
    status: int, error_type: str | None, verdict: Verdict
) -> None:
    assert judge(status, error_type) is verdict
