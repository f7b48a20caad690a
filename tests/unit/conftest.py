"""Fixtures of the unit tests."""

import pytest

from pg2es.core.config import Project
from tests.unit.looks import make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Source `shop`, pipeline `orders`; the limits are the defaults."""
    return make_project(tmp_path_factory.mktemp("include"))
