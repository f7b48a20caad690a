"""Monitoring: one look at all servers, and the history of looks that the console draws.

`monitor` asks the servers and gives a `Status`, which `core.monitoring` judges; `freshness` measures how long a commit
takes to be searchable; `sizes` and `history` keep the figures of each look in an index, where the console gets them.
"""

from pg2es.services.monitoring.history import read_all_samples, read_newest_look, read_samples, write_sample
from pg2es.services.monitoring.monitor import look
from pg2es.services.monitoring.sizes import estimate_rows

__all__ = [
    "estimate_rows",
    "look",
    "read_all_samples",
    "read_newest_look",
    "read_samples",
    "write_sample",
]
