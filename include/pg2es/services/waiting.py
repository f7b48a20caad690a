"""Waiting for a condition, with a limit and a sentence for when it is reached."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential

T = TypeVar("T")


def wait_for(check: Callable[[], T | None], *, timeout_s: float, on_timeout: Callable[[], Exception]) -> T:
    """Return the first result of `check` that is true; raise `on_timeout()` after `timeout_s`.

    Errors that `check` raises pass through.
    """

    def give_up(_: RetryCallState) -> T:
        raise on_timeout()

    return Retrying(
        retry=retry_if_result(lambda found: not found),
        wait=wait_exponential(multiplier=0.05, max=1),
        stop=stop_after_delay(timeout_s),
        retry_error_callback=give_up,
    )(check)  # type: ignore[return-value]  # what is not true was retried
