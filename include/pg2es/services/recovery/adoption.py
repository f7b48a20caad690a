"""Adoption: the generations of a source go on with another database, a promoted standby first of all.

LSNs of a new timeline repeat those of the old one, so a generation gets a higher epoch, which goes before the LSN in
each version: whatever was written before, by commits that the new primary lacks, too, is beaten by what is written now
(rule 13; `tests/unit/promotion_world.py` is its model).
"""

import logging

from pg2es.adapters.postgres import read_identity
from pg2es.core.config import Source
from pg2es.core.errors import IdentityMismatch
from pg2es.core.generations import Descent, Identity
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, live_generation
from pg2es.services.locks import locked_source

log = logging.getLogger(__name__)


def find_promotion(clients: Clients, source: Source) -> Identity | None:
    """Return which database the source has now, if it is a promoted standby of the one that its indices are made from.

    Raises IdentityMismatch when it is any other.
    """
    found, others = _find_others(clients, source)
    for generation, mismatch in others:
        if generation.meta.identity.compare(found) is not Descent.PROMOTED:
            raise mismatch
    return found if others else None


def needs_adoption(clients: Clients, source: Source) -> bool:
    """Return whether a live generation of the source was made from another database than it has now."""
    _, others = _find_others(clients, source)
    return bool(others)


def check_not_left_behind(clients: Clients, source: Source) -> None:
    """Raise IdentityMismatch when the database is an old primary that others have left."""
    found, others = _find_others(clients, source)
    for generation, mismatch in others:
        if generation.meta.identity.compare(found) is Descent.LEFT_BEHIND:
            raise mismatch


def adopt(clients: Clients, source: Source) -> bool:
    """Let the live generations of a source belong to the database that it has now; return whether one did not.

    Whoever writes has to be stopped. GenerationError when it was done too often.
    """
    with locked_source(clients, source):
        found, others = _find_others(clients, source)
        for generation, _ in others:
            log.warning("%s was made from PostgreSQL %s, adopts %s", generation.index, generation.meta.identity, found)
            generation.remember(clients.elasticsearch, **generation.meta.adopt(found))
        return bool(others)


def _find_others(clients: Clients, source: Source) -> tuple[Identity, list[tuple[Generation, IdentityMismatch]]]:
    """Return which database the source has now, and the live generations that were made from another one."""
    with clients.session(source) as session:
        found = read_identity(session)
    others = []
    for pipeline in clients.project.pipelines_of(source):
        live = live_generation(clients.elasticsearch, pipeline)
        if live and (mismatch := live.meta.find_mismatch(live.index, found)):
            others.append((live, mismatch))
    return found, others
