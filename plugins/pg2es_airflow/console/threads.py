"""The threads of the console's endpoints: few, and none of those that Airflow's own API shares out."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

AT_ONCE = 8
"""Endpoints that work at the same time; others wait for one of them without holding a thread."""

P = ParamSpec("P")
R = TypeVar("R")

_threads = CapacityLimiter(AT_ONCE)


def in_own_threads(endpoint: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Return the endpoint as one that FastAPI awaits, and does not run in the threads of the whole server."""

    @wraps(endpoint)
    async def wait(*args: P.args, **kwargs: P.kwargs) -> R:
        return await run_sync(partial(endpoint, *args, **kwargs), limiter=_threads)

    return wait
