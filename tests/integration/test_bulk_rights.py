"""A user that may not write: no document is to blame, so none is counted as rejected."""

import os

import pytest
from elasticsearch import Elasticsearch

from pg2es.adapters.elasticsearch import Client, ElasticsearchAccess, send_bulk
from pg2es.core.errors import AccessDenied


def test_a_missing_right_is_no_rejection(elasticsearch: Elasticsearch, index_prefix: str) -> None:
    sink_user = Client.open(
        ElasticsearchAccess(
            tuple(os.environ["PG2ES_ELASTICSEARCH_URLS"].split(",")),
            os.environ["PG2ES_ELASTICSEARCH_SINK_USER"],
            os.environ["PG2ES_ELASTICSEARCH_SINK_PASSWORD"],
        )
    )
    index = f"{index_prefix}missing-000001"  # the sink's user may not create indices
    with pytest.raises(AccessDenied, match=r"Elasticsearch forbids writing: .*pg2es_sink"):
        send_bulk(sink_user, index, b'{"index":{"_id":"1"}}\n{}\n', 1)
    assert not elasticsearch.indices.exists(index=index)
