"""The command line: one module per command, each of which imports what it needs only when it runs."""

import os
import sys
from importlib import import_module
from typing import Final, NoReturn

import typer

from calls_app.collecting import uncollected
from calls_app.settings import SettingsError
from calls_core.errors import CallsError

COMMANDS: Final = {
    "demo": "demo",
    "serve": "serve",
    "worker": "serve",
    "migrate": "serve",
    "analyze": "analyze",
    "doctor": "doctor",
    "fake-ai": "fake_ai",
    "events": "deliveries",
    "retention": "governance",
    "erase": "governance",
    "import": "import_",
    "watch": "watch",
    "plugins": "plugins",
    "users": "users",
    "webhooks": "webhooks",
    "deliveries": "deliveries",
}
"""Names, in the order of the help, and the modules that they are in."""


def commands(asked: str | None = None) -> typer.Typer:
    """Return the command line with all its commands or, to start sooner, with no other than the one *asked* for."""
    app = typer.Typer(
        name="calls",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module = import_module(f"calls_app.cli.{COMMANDS[name]}")
        found = getattr(module, "import_" if name == "import" else name.replace("-", "_"))
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _root() -> None:
    """Calls: takes recordings of phone calls in, measures them, and makes them findable."""


def main() -> None:
    """Run the command line; what is refused, or is down, ends in one line: exit code 2 for settings, 1 for the rest."""
    # Threads of OpenBLAS wait for each other for ever now and then (OpenBLAS 0.3.31, a machine under load), and a
    # worker has recordings enough for all cores. It must be said before anything imports NumPy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with uncollected():
            app = commands(sys.argv[1] if len(sys.argv) > 1 else None)
        app()
    except SettingsError as error:
        _end(2, error)
    except CallsError as error:
        _end(1, error)


def _end(code: int, error: Exception) -> NoReturn:
    print(f"calls: {error}", file=sys.stderr)  # noqa: T201 (the command line speaks)
    sys.exit(code)
