"""Whatever stands in a file, a project comes of it, or a sentence: never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pg2es.core.config import Pipeline, Platform, Source, load_project
from pg2es.core.errors import ConfigError

GOOD = {
    "platform.yaml": (Path("include") / "platform.yaml").read_text(encoding="utf-8"),
    "sources/shop.yaml": "postgres: {host: h, database: d, user: u, password: '${env:P}'}",
    "pipelines/orders.yaml": "source: shop\ntable: public.orders\ndocument: orders.sql",
    "documents/orders.sql": "SELECT * FROM root",
    "mappings/orders.json": "{}",
}
MODELS: dict[str, type[BaseModel]] = {
    "platform.yaml": Platform,
    "sources/shop.yaml": Source,
    "pipelines/orders.yaml": Pipeline,
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", "${env:P}", "${file:/a:b}", "a.b", "http://[::1", "2026-01-01", "\0", "\ud800"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
fuzzed = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in GOOD.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert load_project(tmp_path).aside == ()
    return tmp_path


def check(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    try:
        problems = [one.error for one in load_project(folder).aside]
    except ConfigError as error:
        problems = [error]
    finally:
        (folder / name).write_text(GOOD[name], encoding="utf-8")
    assert all(str(problem).count("\n") == 0 for problem in problems), problems


@pytest.mark.parametrize("name", GOOD)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
@fuzzed
def test_any_bytes(folder: Path, name: str, content: bytes) -> None:
    check(folder, name, content)


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@fuzzed
def test_any_value_at_any_key(folder: Path, name: str, data: st.DataObject) -> None:
    content: dict[str, Any] = yaml.safe_load(GOOD[name])
    key = data.draw(st.sampled_from(sorted({*MODELS[name].model_fields, "other"} - {"name"})))
    check(folder, name, yaml.safe_dump(content | {key: data.draw(values)}).encode("utf-8", "surrogatepass"))


@given(content=st.dictionaries(st.sampled_from(["mappings", "settings", "x"]), values, max_size=3))
@fuzzed
def test_any_mapping(folder: Path, content: dict[str, Any]) -> None:
    check(folder, "mappings/orders.json", json.dumps(content).encode())
