"""Reading some documents back as Elasticsearch stored them: an ingest pipeline or a template may have changed them."""

from pg2es.adapters.elasticsearch import Client, find_altered, indices
from pg2es.core.errors import DriftFound

DOCUMENTS = 1000
"""About how many are read."""

_NAMED = 3


def check_read_back(client: Client, index: str) -> None:
    """Compare some stored documents, byte for byte, with the digests that PostgreSQL gave them.

    Raises DriftFound when Elasticsearch stores something else than it was sent.
    """
    indices.refresh_index(client, index)
    parts = max(1, indices.count_documents(client, index) // DOCUMENTS)
    read = find_altered(client, index, 0, parts)
    if read.ids:
        raise DriftFound(
            f"{len(read.ids):,} of {read.documents:,} documents that were read back from {index} are not as they were "
            f"sent, such as {', '.join(read.ids[:_NAMED])}: an ingest pipeline, an index template or another writer "
            f"changes them. Find it (GET {index}/_settings, GET _index_template) and run this again."
        )
