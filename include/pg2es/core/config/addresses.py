"""Addresses of servers, as they are when their references are resolved."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from pg2es.core.errors import ConfigError


def check_urls(urls: Iterable[str], file: Path, key: str) -> None:
    """Raise ConfigError for what is no address of a server, without quoting it where it may hold a password."""
    for url in urls:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good, parts = False, None
        if "@" in url:
            raise ConfigError(file, key, "an address holds a user; name user and password under keys of their own")
        if not good:
            raise ConfigError(file, key, f"expected http://host:port or https://host:port, found {url!r}")
