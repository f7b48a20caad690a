"""Adoption: the generations of a source go on with another database, a promoted standby first of all.

LSNs of a new timeline repeat those of the old one, so a generation gets a higher epoch, which goes before the LSN in
each version: whatever was written before, by commits that the new primary lacks, too, is beaten by what is written now
(rule 13; `tests/unit/promotion_world.py` is its model).
"""

import logging

from pg2es.adapters.postgres import Session, read_identity
from pg2es.core.config import Source
from pg2es.core.generations import Descent, Identity
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, live_generation
from pg2es.services.locks import locked_source

log = logging.getLogger(__name__)


def find_promotion(clients: Clients, source: Source) -> Identity | None:
    """Return which database the source has now, if it is a promoted standby of the one that its indices are made from.

    Raises IdentityMismatch when it is any other.
    """
    with clients.session(source) as session:
        found = read_identity(session)
    promoted = None
    for generation in _live_generations(clients, source):
        if generation.meta.identity.compare(found) is Descent.PROMOTED:
            promoted = found
        elif mismatch := generation.meta.find_mismatch(generation.index, found):
            raise mismatch
    return promoted


def needs_adoption(clients: Clients, source: Source) -> bool:
    """Return whether a live generation of the source was made from another database than it has now."""
    with clients.session(source) as session:
        found = read_identity(session)
    return any(generation.meta.identity != found for generation in _live_generations(clients, source))


def check_not_left_behind(clients: Clients, session: Session, source: Source) -> None:
    """Raise IdentityMismatch when the database is an old primary that others have left."""
    found = read_identity(session)
    for generation in _live_generations(clients, source):
        mismatch = generation.meta.find_mismatch(generation.index, found)
        if mismatch and generation.meta.identity.compare(found) is Descent.LEFT_BEHIND:
            raise mismatch


def adopt(clients: Clients, source: Source) -> bool:
    """Let the live generations of a source belong to the database that it has now; return whether one did not.

    Whoever writes has to be stopped. GenerationError when it was done too often.
    """
    with locked_source(clients, source), clients.session(source) as session:
        found = read_identity(session)
        others = [one for one in _live_generations(clients, source) if one.meta.identity != found]
        for generation in others:
            log.warning("%s was made from PostgreSQL %s, adopts %s", generation.index, generation.meta.identity, found)
            generation.remember(clients.elasticsearch, **generation.meta.adopt(found))
        return bool(others)


def _live_generations(clients: Clients, source: Source) -> list[Generation]:
    found = (live_generation(clients.elasticsearch, pipeline) for pipeline in clients.project.pipelines_of(source))
    return [generation for generation in found if generation]
