"""The user that the servers run as: never root, for PostgreSQL and Elasticsearch refuse it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.config import CHECKOUT, StackConfig
from stack.errors import ConfigError, StackError

SYSTEM_USER = "pg2es"
_READ_ALL = "+dac_read_search"


@dataclass(frozen=True)
class ServiceUser:
    """Runs programs and owns files on behalf of the servers.

    `prefix` goes before each command; it is empty when the launcher itself is not root.
    """

    uid: int
    gid: int
    prefix: tuple[str, ...]

    def make_folder(self, path: Path) -> Path:
        """Create `path` for this user alone, with parents, and return it."""
        if not path.parent.exists():
            self.make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        self._own(path)
        return path

    def write_file(self, path: Path, text: str) -> Path:
        """Write a file that only this user reads; return its path."""
        self.make_folder(path.parent)
        path.touch(mode=0o600)
        path.write_text(text)
        self._own(path)
        return path

    def run(self, argv: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> None:
        """Run a short program as this user; raise StackError with its output when it fails."""
        command = [*self.prefix, *map(str, argv)]
        result = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, check=False)
        if result.returncode:
            output = (result.stdout + result.stderr).strip()
            raise StackError(f"{Path(argv[0]).name} failed with exit status {result.returncode}:\n{output}")

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)


def find_service_user(config: StackConfig) -> ServiceUser:
    """Return who runs the servers: oneself, or the system user `pg2es` (made when missing) when started by root."""
    if os.geteuid() != 0:
        if config.data.exists() and config.data.stat().st_uid != os.geteuid():
            raise ConfigError(
                f"{config.data} belongs to another user: `make clean` as that one, or set PG2ES_STACK_DATA"
            )
        return ServiceUser(os.geteuid(), os.getegid(), ())
    entry = _ensure_system_user()
    setpriv = ("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups")
    # Where the checkout or the interpreter lies in a folder that is closed to others (/root is 0700, and so are many
    # CI work folders), the servers keep one capability of root: to pass through folders and to read files. Without
    # the securebit, access(2) would deny what open(2) then allows, and many programs ask access(2) first.
    closed = (*setpriv, "--securebits=+no_setuid_fixup", f"--inh-caps={_READ_ALL}", f"--ambient-caps={_READ_ALL}")
    needed = [Path(sys.executable), CHECKOUT / "stack" / "pom.xml", config.data]
    for prefix in (setpriv, closed):
        user = ServiceUser(entry.pw_uid, entry.pw_gid, prefix)
        user.make_folder(config.data)
        if _can_read(user, needed):
            return user
    raise ConfigError(
        f"the servers run as {SYSTEM_USER}, which cannot read all of {', '.join(map(str, needed))}: "
        "move the checkout to a folder that others may pass through"
    )


def _ensure_system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        subprocess.run([useradd, *options, SYSTEM_USER], check=True)
        return pwd.getpwnam(SYSTEM_USER)


def _can_read(user: ServiceUser, paths: Sequence[Path]) -> bool:
    script = 'for path; do test -r "$path" || exit 1; done'
    command = [*user.prefix, "sh", "-c", script, "sh", *map(str, paths)]
    return subprocess.run(command, cwd="/", stderr=subprocess.DEVNULL, check=False).returncode == 0
