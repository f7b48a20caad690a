"""The REST interface of Kafka Connect."""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx

from pg2es.core.errors import AccessDenied, ConnectorError, ConnectorExists, ConnectUnavailable, Pg2esError
from pg2es.core.monitoring import ConnectorPart, ConnectorStatus

TIMEOUT_S = 90  # a worker answers 409 by itself while it rebalances; validating a config connects to the database


_LONGEST_LINE = 500  # Debezium writes whole offsets into its messages

_ASK_ANOTHER = frozenset({409, 500, 503})
"""What a worker answers that rebalances, starts, or whose leader is gone."""

_EXISTS = "already exists"
"""What tells a 409 that stays from that of a rebalance: the one answer has no other code."""

_LOGIN = (AccessDenied, "Kafka Connect refuses the login for {what}. Check connect.user and connect.password.")
_BY_STATUS: dict[int, tuple[type[Pg2esError], str]] = {401: _LOGIN, 403: _LOGIN}
_REFUSED: tuple[type[Pg2esError], str] = (ConnectorError, "Kafka Connect answers {status} to {what}: {reason}")


@dataclass(frozen=True)
class ConnectCluster:
    """One Connect cluster: several workers, tried in turn, or a standalone one."""

    urls: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certificate: str | None = None
    client_certificate: str | None = None
    timeout_s: float = TIMEOUT_S

    def list_connectors(self) -> list[str]:
        """Return the names of all connectors."""
        return list(self._call("GET", "/connectors"))

    def list_configs(self) -> dict[str, dict[str, str]]:
        """Return the configuration of every connector, also of one that was just made and has no status yet."""
        found = self._call("GET", "/connectors?expand=info")
        return {name: dict(entry["info"]["config"]) for name, entry in found.items()}

    def list_plugins(self) -> dict[str, str]:
        """Return the version of each installed connector plugin, by the name of its class."""
        return {plugin["class"]: plugin["version"] for plugin in self._call("GET", "/connector-plugins")}

    def plugin_versions(self, plugin: str) -> dict[str, str]:
        """Return by address the version of a plugin on each worker that answers and has it."""
        found: dict[str, str] = {}
        for url in self.urls:
            with suppress(ConnectUnavailable):
                installed = replace(self, urls=(url,)).list_plugins()
                found |= {url: installed[plugin]} if plugin in installed else {}
        return found

    def config(self, name: str) -> dict[str, str] | None:
        """Return a connector's configuration, None when there is no such connector."""
        found = self._call("GET", f"/connectors/{name}/config", missing_ok=True)
        return None if found is None else dict(found)

    def status(self, name: str) -> ConnectorStatus | None:
        """Return a connector's status, None when there is none (yet)."""
        found = self._call("GET", f"/connectors/{name}/status", missing_ok=True)
        return None if found is None else _status(found)

    def read_parts(self, name: str) -> list[ConnectorPart]:
        """Return a connector and its tasks with the whole traces of failures; empty when there is no such connector."""
        found = self._call("GET", f"/connectors/{name}/status", missing_ok=True)
        parts = [found["connector"], *found["tasks"]] if found else []
        return [
            ConnectorPart(part.get("id"), part["state"], part.get("worker_id", ""), part.get("trace")) for part in parts
        ]

    def first_lines(self, name: str, count: int) -> list[str]:
        """Return the first lines of the trace of each part of a connector that has failed."""
        traces = [part.trace for part in self.read_parts(name) if part.trace]
        return [line[:_LONGEST_LINE] for trace in traces for line in trace.splitlines()[:count]]

    def list_statuses(self) -> dict[str, tuple[ConnectorStatus, dict[str, str]]]:
        """Return status and configuration of every connector, in one request."""
        found = self._call("GET", "/connectors?expand=status&expand=info")
        return {name: (_status(entry["status"]), entry["info"]["config"]) for name, entry in found.items()}

    def check_workers(self) -> dict[str, str | None]:
        """Return by address what is wrong with a worker, None for nothing."""
        found: dict[str, str | None] = {}
        for url in self.urls:
            try:
                replace(self, urls=(url,)).list_connectors()
            except Pg2esError as error:
                found[url] = str(error)
            else:
                found[url] = None
        return found

    def validate(self, name: str, config: dict[str, str]) -> None:
        """Let the workers check a configuration; ConnectorError says which options are wrong and why."""
        plugin = config["connector.class"].rsplit(".", 1)[-1]
        found = self._call("PUT", f"/connector-plugins/{plugin}/config/validate", json={"name": name, **config})
        wrong = [
            f"{option['value']['name']}: {' '.join(option['value']['errors'])}"
            for option in found["configs"]
            if option["value"]["errors"]
        ]
        if wrong:
            raise ConnectorError(f"Kafka Connect refuses the configuration of {name}: {'; '.join(wrong)}")

    def create(self, name: str, config: dict[str, str], *, initial_state: str = "RUNNING") -> None:
        """Create a connector in the given state; ConnectorExists when there is one of this name."""
        self._call("POST", "/connectors", json={"name": name, "config": config, "initial_state": initial_state})

    def update(self, name: str, config: dict[str, str]) -> None:
        """Create or change a connector."""
        self._call("PUT", f"/connectors/{name}/config", json=config)

    def stop(self, name: str) -> None:
        """End the tasks of a connector and keep its configuration and offsets."""
        self._call("PUT", f"/connectors/{name}/stop")

    def pause(self, name: str) -> None:
        """Let the tasks of a connector rest."""
        self._call("PUT", f"/connectors/{name}/pause")

    def resume(self, name: str) -> None:
        """Start a stopped or paused connector."""
        self._call("PUT", f"/connectors/{name}/resume")

    def restart(self, name: str, *, only_failed: bool = True, tasks: bool = True) -> None:
        """Restart a connector, and its tasks."""
        what = {"includeTasks": tasks, "onlyFailed": only_failed}
        query = "&".join(f"{option}={str(value).lower()}" for option, value in what.items())
        self._call("POST", f"/connectors/{name}/restart?{query}")

    def remove(self, name: str) -> None:
        """Delete a connector; it is no error when there is none."""
        self._call("DELETE", f"/connectors/{name}", missing_ok=True)

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Return the committed offsets: everything before them is acknowledged."""
        found = self._call("GET", f"/connectors/{name}/offsets")["offsets"]
        return [entry for entry in found if entry["offset"]]  # while they are reset, a partition has none

    def alter_offsets(self, name: str, offsets: list[dict[str, Any]]) -> None:
        """Set the offsets of a stopped connector."""
        self._call("PATCH", f"/connectors/{name}/offsets", json={"offsets": offsets})

    def reset_offsets(self, name: str) -> None:
        """Forget the offsets of a stopped connector."""
        self._call("DELETE", f"/connectors/{name}/offsets")

    def _call(self, method: str, path: str, *, json: Any = None, missing_ok: bool = False) -> Any:
        """Return the answer of the first worker that gives one."""
        problems = []
        auth = (self.user, self.password or "") if self.user else None
        for url in self.urls:
            try:
                client = self._client(url)
                response = client.request(
                    method, f"{url.rstrip('/')}{path}", json=json, auth=auth, timeout=self.timeout_s
                )
            except (httpx.TransportError, ssl.SSLError) as error:  # the second: a file that holds no certificate
                problems.append(f"{url}: {error or type(error).__name__}")
                continue
            if response.status_code == 409 and _EXISTS in _message(response):
                raise ConnectorExists(f"Kafka Connect answers to {method} {path}: {_message(response)}")
            if _has_no_paths(response):
                problems.append(f"{url} answers 404 without a word of Kafka Connect, as one does that starts")
                continue
            if response.status_code in _ASK_ANOTHER:
                problems.append(f"{url}: {_message(response)}")
                continue
            return self._read(response, f"{method} {path}", missing_ok=missing_ok)
        # The one case that only the message tells from a worker that is about to be well.
        if all("Failed to find any class" in problem for problem in problems):
            raise ConnectorError(
                f"The Kafka Connect workers lack a plugin: {problems[0]}. "
                f"Put its folder on the plugin.path of every worker and restart them."
            )
        raise ConnectUnavailable(f"No Kafka Connect worker could answer {method} {path}: {'; '.join(problems)}")

    def _client(self, url: str) -> httpx.Client:
        files = (self.ca_certificate, self.client_certificate)
        return _client(*files, secure=url.startswith("https:"))

    def _read(self, response: httpx.Response, what: str, *, missing_ok: bool) -> Any:
        if response.status_code == 404 and missing_ok:
            return None
        if response.is_error:
            kind, sentence = _BY_STATUS.get(response.status_code, _REFUSED)
            raise kind(sentence.format(status=response.status_code, what=what, reason=_message(response)))
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise ConnectorError(
                f"What answers to {what} is not Kafka Connect: it sends no JSON. Correct connect.urls in platform.yaml."
            ) from error


@cache
def _client(ca_certificate: str | None, client_certificate: str | None, *, secure: bool) -> httpx.Client:
    """Return a client, which takes a third of a request's CPU to make, 0.1 s where it reads what this system trusts.

    It keeps no connection: a worker that was restarted would not know it, and a process that was forked shares it.
    """
    trusted: ssl.SSLContext | bool = False
    if secure:
        trusted = ssl.create_default_context(cafile=ca_certificate)
        if client_certificate:
            trusted.load_cert_chain(client_certificate)
    return httpx.Client(verify=trusted, limits=httpx.Limits(max_keepalive_connections=0))


def _has_no_paths(response: httpx.Response) -> bool:
    """Return whether nobody knows the path there: while a worker starts, its server knows none, and says so in HTML.

    Of what is not there, such as a connector, Kafka Connect says so in JSON.
    """
    return response.status_code == 404 and "json" not in response.headers.get("content-type", "")


def _status(found: dict[str, Any]) -> ConnectorStatus:
    parts = [found["connector"], *found["tasks"]]
    return ConnectorStatus(
        found["connector"]["state"],
        tuple(task["state"] for task in found["tasks"]),
        tuple(_cause(part["trace"]) for part in parts if part.get("trace")),
    )


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:300]


def _cause(trace: str) -> str:
    """Return the line of a Java trace that says most: the innermost cause."""
    lines = trace.splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes[-1] if causes else lines[0]).strip()[:_LONGEST_LINE]
