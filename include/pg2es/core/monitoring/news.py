"""News of breaches: what has to be reported to somebody who knows of those of an earlier look. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from pg2es.core.config import Project
from pg2es.core.generations import is_sink_of
from pg2es.core.monitoring.breaches import Breach, Kind

_BLIND = (Kind.UNREACHABLE, Kind.REFUSED)
DATABASE = "PostgreSQL of "
"""What the breach of a source's database is about: this, and the source's name."""


@dataclass(frozen=True)
class News:
    """Breaches that have begun, and those that are over; `open`: what is known when both are reported."""

    begun: tuple[Breach, ...]
    over: tuple[Breach, ...]
    open: tuple[Breach, ...]


def find_news(project: Project, known: Iterable[Breach], now: Iterable[Breach]) -> News:
    """Return what has begun and what is over.

    What depends on a server that cannot be seen is not over because nobody sees it: it stays open until somebody does.
    """
    before, after = {breach.name: breach for breach in known}, {breach.name: breach for breach in now}
    blind = [breach for breach in after.values() if breach.kind in _BLIND]
    gone = [breach for name, breach in before.items() if name not in after]
    hidden = [breach for breach in gone if any(_hides(project, one, breach) for one in blind)]
    return News(
        begun=tuple(breach for name, breach in after.items() if name not in before),
        over=tuple(breach for breach in gone if breach not in hidden),
        open=(*after.values(), *hidden),
    )


def _hides(project: Project, blind: Breach, other: Breach) -> bool:
    """Return whether the other could go on unseen: a source's database hides what is about that source alone."""
    if other.kind in _BLIND:
        return False  # it would have been seen
    source = _source_of(project, blind.about)
    return source is None or source == _source_of(project, other.about)


def _source_of(project: Project, about: str) -> str | None:
    """Return the source that a breach is about, by its database, its connector, or a pipeline or sink; else None."""
    for source in project.sources.values():
        pipelines = project.pipelines_of(source)
        names = {source.name, DATABASE + source.name, source.connector, *(pipeline.name for pipeline in pipelines)}
        if about in names or any(is_sink_of(pipeline.alias, about) for pipeline in pipelines):
            return source.name
    return None
