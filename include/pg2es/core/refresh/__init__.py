"""refresh(roots): requests that name roots, ids that no index can hold, and the pace at which documents are written.

`requests` are the records of the refresh topics, which the sink reads and writes in Java. The version of a document and
the order of its read stand as SQL in `sql.protocol`; services/refresh carries them out.
"""

from pg2es.core.refresh.ids import MAX_ID_BYTES, IdProblem, find_id_problem
from pg2es.core.refresh.pace import Pace
from pg2es.core.refresh.requests import PAGE, Key, ask_for_all, ask_for_keys, parse_keys

__all__ = [
    "MAX_ID_BYTES",
    "PAGE",
    "IdProblem",
    "Key",
    "Pace",
    "ask_for_all",
    "ask_for_keys",
    "find_id_problem",
    "parse_keys",
]
