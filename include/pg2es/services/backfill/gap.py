"""Closing a gap by comparison: what is equal already is not copied again.

A digest is computed many times faster than a document is copied. So after a gap both sides are compared behind the
stream's barrier and what differs is refreshed, as long as that is little.
"""

import logging

from pg2es.core.config import Pipeline
from pg2es.core.drift import Deep, Outcome
from pg2es.services.backfill.completion import note_filled
from pg2es.services.backfill.preparation import prepare
from pg2es.services.clients import Clients
from pg2es.services.drift import reconcile

log = logging.getLogger(__name__)

MOST_DIFFERING = 0.2
"""Of the documents. Where more differ a backfill is faster, which reads in the order of the table."""


def close_gap(clients: Clients, pipeline: Pipeline) -> bool:
    """Make the live generation equal by refreshing what differs; return whether that is done.

    Otherwise it takes a backfill: there is no live generation or it is empty, or too much differs. Raises what
    `prepare` and `reconcile` do.
    """
    prepared = prepare(clients, pipeline)
    if prepared.was_empty:
        return False
    done = reconcile(clients, pipeline, deep=Deep.NONE, repair=True, max_repair_fraction=MOST_DIFFERING)
    log.info("%s", done)
    if not done.outcome.is_good and done.outcome is not Outcome.UNREADABLE:
        return False
    return note_filled(clients, pipeline, prepared).meta.gap is None
