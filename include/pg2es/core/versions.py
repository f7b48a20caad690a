"""Which versions of pg2es' parts go together, and in which order they are upgraded.

    the sink on every worker of Kafka Connect ──▶ Airflow and the shell ──▶ `_meta` of an index, when it is next written

A newer sink takes what an older pg2es deploys. An older sink might leave out what a newer one is told to do.
"""

from packaging.version import InvalidVersion, Version

from pg2es import __version__


def _is_older(version: str, than: str) -> bool:
    """Return whether a version comes before another; not when one of them is none, as that of a sink in no jar."""
    try:
        return Version(version) < Version(than)
    except InvalidVersion:
        return False


def is_outdated(version: str) -> bool:
    """Return whether a version comes before that of this pg2es."""
    return _is_older(version, __version__)


def is_newer(version: object) -> bool:
    """Return whether something is a version that comes after that of this pg2es."""
    return isinstance(version, str) and _is_older(__version__, version)


def judge_sink(worker: str, version: str) -> str | None:
    """Return what to do about the sink that a worker of Kafka Connect has, None when it is that of this pg2es."""
    if is_outdated(version):
        return (
            f"Worker {worker} has version {version} of the pg2es sink, older than this pg2es, {__version__}. Install "
            f"this one there and restart the worker; until every worker has it, no sink is made or changed."
        )
    if is_newer(version):
        return (
            f"Worker {worker} has version {version} of the pg2es sink, newer than this pg2es, {__version__}. Once "
            f"every worker has it, upgrade pg2es in Airflow and at the shell."
        )
    return None
