"""The command line: one module per command, each of which imports what it needs only when it runs."""

import sys

import typer

from calls_app.cli.analyze import analyze
from calls_app.cli.demo import demo
from calls_app.cli.doctor import doctor
from calls_app.cli.plugins import plugins
from calls_app.cli.serve import migrate, serve, worker
from calls_app.settings import SettingsError

app = typer.Typer(
    name="calls",
    help="Calls: takes recordings of phone calls in, measures them, and makes them findable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (demo, serve, worker, migrate, analyze, plugins, doctor):
    app.command()(command)


def main() -> None:
    """Run the command line; refused settings end in one line and exit code 2."""
    try:
        app()
    except SettingsError as error:
        print(f"calls: {error}", file=sys.stderr)  # noqa: T201 (the command line speaks)
        sys.exit(2)
