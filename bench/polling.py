"""Waiting in measurements: by a short, even interval, so that it adds the same little to everything."""

import time
from collections.abc import Callable

POLL_S = 0.05


def poll(is_done: Callable[[], bool], patience_s: float) -> None:
    """Return when `is_done`; TimeoutError after so long."""
    end = time.monotonic() + patience_s
    while not is_done():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing came of it in {patience_s:.0f} s")
        time.sleep(POLL_S)
