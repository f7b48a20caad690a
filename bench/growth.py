"""Whether a large table is copied as fast as a small one, and what the mark adds to an index."""

from bench.backfill import fill_new_generation
from bench.ceiling import raw_index, read_lines, send
from bench.ground import Ground, prepare_ground
from bench.results import Result

SIZES = (100_000, 2_000_000)
MARKED_ROWS = 300_000


def measure_growth() -> dict[str, Result]:
    """Return docs/s by the number of rows, and the largest table's rate as a ratio of the smallest's."""
    rates = {}
    for rows in SIZES:
        with prepare_ground(rows) as ground:
            rates[rows] = rows / fill_new_generation(ground)
    small, large = (rates[rows] for rows in SIZES)
    return {
        **{
            f"backfill_{rows // 1000}k_rows_docs_per_s": Result(round(rate), "docs/s", None, "higher")
            for rows, rate in rates.items()
        },
        "backfill_growth_2m_vs_100k": Result(round(large / small, 3), "ratio", None, "higher"),
    }


def measure_mark() -> dict[str, Result]:
    """Return the bytes of a document in the index, and how much larger the mark makes it; merged to one segment."""
    with prepare_ground(MARKED_ROWS) as ground:
        fill_new_generation(ground)
        marked = _read_size(ground, ground.pipeline.alias)
        with raw_index(ground, {}) as (client, index):
            send(client, index, read_lines(ground))
            bare = _read_size(ground, index)
    return {
        "index_bytes_per_document": Result(round(marked / MARKED_ROWS), "bytes", None, "lower"),
        "index_size_with_mark_vs_without": Result(round(marked / bare, 3), "ratio", None, "lower"),
    }


def _read_size(ground: Ground, index: str) -> int:
    indices = ground.clients.elasticsearch.indices
    indices.forcemerge(index=index, max_num_segments=1)
    indices.refresh(index=index)
    return int(indices.stats(index=index, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"])
