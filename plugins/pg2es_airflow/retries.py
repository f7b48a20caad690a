"""What a failed task does: transient errors are tried again with growing pauses, permanent ones fail at once.

Airflow 3.2 knows no policies: there a permanent error is tried again like any other, and fails after the same time.
"""

from datetime import timedelta
from typing import Any

from airflow import sdk

DEFAULT_ARGS: dict[str, Any] = {
    "retries": 8,  # for some nine minutes
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
}

if hasattr(sdk, "ExceptionRetryPolicy"):
    DEFAULT_ARGS["retry_policy"] = sdk.ExceptionRetryPolicy(
        rules=[
            sdk.RetryRule(
                exception="pg2es.core.errors.PermanentError",
                action=sdk.RetryAction.FAIL,
                reason="trying again cannot help; somebody has to act",
            )
        ]
    )
