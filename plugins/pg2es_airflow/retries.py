"""What a failed task does: transient errors are tried again with growing pauses, permanent ones fail at once."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

DEFAULT_ARGS: dict[str, Any] = {
    "retries": 8,  # for some nine minutes
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception="pg2es.core.errors.PermanentError",
                action=RetryAction.FAIL,
                reason="trying again cannot help; somebody has to act",
            )
        ]
    ),
}
