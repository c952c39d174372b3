"""The command line: one module per command, each of which imports what it needs only when it runs."""

import os
import sys
from typing import NoReturn

import typer

from calls_app.cli.analyze import analyze
from calls_app.cli.deliveries import deliveries, events
from calls_app.cli.demo import demo
from calls_app.cli.doctor import doctor
from calls_app.cli.fake_ai import fake_ai
from calls_app.cli.governance import erase, retention
from calls_app.cli.import_ import import_
from calls_app.cli.plugins import plugins
from calls_app.cli.serve import migrate, serve, worker
from calls_app.cli.users import users
from calls_app.cli.watch import watch
from calls_app.cli.webhooks import webhooks
from calls_app.settings import SettingsError
from calls_core.errors import CallsError

app = typer.Typer(
    name="calls",
    help="Calls: takes recordings of phone calls in, measures them, and makes them findable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (demo, serve, worker, migrate, analyze, doctor, fake_ai, events, retention, erase):
    app.command()(command)
app.command("import")(import_)
app.command()(watch)
app.add_typer(plugins, name="plugins")
app.add_typer(users, name="users")
app.add_typer(webhooks, name="webhooks")
app.add_typer(deliveries, name="deliveries")


def main() -> None:
    """Run the command line; what is refused, or is down, ends in one line: exit code 2 for settings, 1 for the rest."""
    # Threads of OpenBLAS wait for each other for ever now and then (OpenBLAS 0.3.31, a machine under load), and a
    # worker has recordings enough for all cores. It must be said before anything imports NumPy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except SettingsError as error:
        _end(2, error)
    except CallsError as error:
        _end(1, error)


def _end(code: int, error: Exception) -> NoReturn:
    print(f"calls: {error}", file=sys.stderr)  # noqa: T201 (the command line speaks)
    sys.exit(code)
