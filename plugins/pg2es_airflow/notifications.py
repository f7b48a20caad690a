"""Messages to people by Airflow connections of type `apprise`: mail, Slack, webhooks and a hundred services more."""

from typing import Literal

Tone = Literal["failure", "success"]


def send(connection_id: str, title: str, body: str, tone: Tone) -> None:
    """Send a message to every service of a connection.

    Raises NotificationFailed when one of them does not take it; AppriseNotifier would only log that.
    """
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from airflow.sdk.exceptions import AirflowNotFoundException
    from apprise import Apprise, NotifyType

    from pg2es.core.errors import NotificationFailed

    hook, services = AppriseHook(connection_id), Apprise()
    try:
        hook.set_config_from_conn(hook.get_connection(connection_id), services)
    except AirflowNotFoundException:
        raise NotificationFailed(
            f"There is no Airflow connection {connection_id}, which platform.yaml names in monitor.notify. Add it."
        ) from None
    if not services.notify(body=body, title=title, notify_type=NotifyType(tone)):
        raise NotificationFailed(
            f"A service of Airflow connection {connection_id} did not take a message. The log of this task says why."
        )
