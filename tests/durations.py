"""How long each fixture takes, as properties of the test that sets it up or tears it down in the JUnit report.

pytest's own report has the time of a test with all of its fixtures as one number, so that nobody sees that a module
spends its time in a fixture. `python -m tests.slowest` reads both.
"""

import time
from collections.abc import Generator
from typing import Any

import pytest

LEAST_S = 0.05
"""Fixtures that take less are not told."""


class Durations:
    """Times fixtures; registered by `tests/conftest.py`."""

    def __init__(self) -> None:
        self._item: pytest.Item | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Remember which test a fixture is torn down with: that is another one than it was set up for."""
        self._item = item
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Time the set-up, without the fixtures that this one asks for: they are set up before the hook is called."""
        name = f"{fixturedef.argname} ({fixturedef.scope})"
        ended: list[float] = []
        # Finalizers run in the reverse order: this one after the fixture's own, the other one before it.
        fixturedef.addfinalizer(lambda: self._tell(f"teardown {name}", time.perf_counter() - ended.pop()))
        started = time.perf_counter()
        try:
            return (yield)
        finally:
            self._tell(f"setup {name}", time.perf_counter() - started)
            fixturedef.addfinalizer(lambda: ended.append(time.perf_counter()))

    def _tell(self, name: str, seconds: float) -> None:
        if self._item and seconds >= LEAST_S:
            self._item.user_properties.append((name, f"{seconds:.3f}"))
