"""What a machine may lack and a test may need.

A test says ``@pytest.mark.requires("postgres")``. Where that is missing the test is skipped, unless the name is in
``CALLS_TEST_REQUIRE`` (a comma list), which makes the run fail at its start: so a continuous-integration run cannot
turn green by skipping.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from calls_http.page import page_folder
from tests.servers.chromium import NoBrowser, chromium_program
from tests.servers.disk import NoTmpfs, require_tmpfs
from tests.servers.nginx import NoNginx, nginx_program
from tests.servers.postgres import NoPostgres, postgres_programs
from tests.servers.rabbitmq import NoRabbit, rabbit_program
from tests.servers.redis import NoRedis, redis_program
from tests.servers.s3 import NoS3, s3_program

ROOT: Final = Path(__file__).parent.parent

Reason = str
"""A sentence that says what is missing and how to get it."""


def _sqlite() -> Reason | None:
    if sqlite3.sqlite_version_info >= (3, 35):
        return None
    return f"SQLite {sqlite3.sqlite_version} cannot do UPDATE ... RETURNING: Python must be linked with 3.35 or newer"


def _postgres() -> Reason | None:
    try:
        postgres_programs()
    except NoPostgres as error:
        return str(error)
    return None


def _s3() -> Reason | None:
    try:
        s3_program()
    except NoS3 as error:
        return str(error)
    return None


def _redis() -> Reason | None:
    try:
        redis_program()
    except NoRedis as error:
        return str(error)
    return None


def _rabbitmq() -> Reason | None:
    try:
        rabbit_program()
    except NoRabbit as error:
        return str(error)
    return None


def _nginx() -> Reason | None:
    try:
        nginx_program()
    except NoNginx as error:
        return str(error)
    return None


def _browser() -> Reason | None:
    try:
        chromium_program()
    except NoBrowser as error:
        return str(error)
    return None


def _page() -> Reason | None:
    if (page_folder() / "index.html").is_file():
        return None
    return "the web page is not built: install the package (again)"


def _promtool() -> Reason | None:
    if shutil.which("promtool"):
        return None
    return "there is no promtool: install Debian's package prometheus"


def _curl() -> Reason | None:
    return None if shutil.which("curl") else "there is no curl, which the tutorial calls: install Debian's package curl"


def _tmpfs() -> Reason | None:
    try:
        require_tmpfs()
    except NoTmpfs as error:
        return str(error)
    return None


def _recordings() -> Reason | None:
    folder = recordings_folder()
    if (folder / "manifest.json").is_file():
        return None
    return f"there is no manifest.json in {folder}: name a folder of sample recordings in CALLS_RECORDINGS_SAMPLES"


CAPABILITIES: Final[Mapping[str, Callable[[], Reason | None]]] = MappingProxyType(
    {
        "browser": _browser,
        "curl": _curl,
        "sqlite": _sqlite,
        "postgres": _postgres,
        "redis": _redis,
        "rabbitmq": _rabbitmq,
        "nginx": _nginx,
        "page": _page,
        "promtool": _promtool,
        "recordings": _recordings,
        "s3": _s3,
        "tmpfs": _tmpfs,
    }
)


def recordings_folder() -> Path:
    """Return the folder of real recordings with known truth: ``shared/audio`` beside the project, if not named."""
    named = os.environ.get("CALLS_RECORDINGS_SAMPLES")
    return Path(named) if named else ROOT.parent / "shared" / "audio"


@cache
def missing(name: str) -> Reason | None:
    """Return why the capability *name* is not to be had here, None if it is.

    Raises:
        KeyError: there is no capability of this name.
    """
    return CAPABILITIES[name]()


def required() -> frozenset[str]:
    """Return the capabilities that this run must not go without."""
    return frozenset(name.strip() for name in os.environ.get("CALLS_TEST_REQUIRE", "").split(",") if name.strip())
