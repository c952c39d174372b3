"""``calls plugins`` and ``calls plugins new``."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from calls_app.cli.configured import configured

plugins = typer.Typer(invoke_without_command=True)


@plugins.callback()
def listed(context: typer.Context) -> None:
    """List the installed analyzers, where they come from, and which ones run; or begin a new one."""
    if context.invoked_subcommand is None:
        _list()


@plugins.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the distribution, as calls-level; its analyzer is then level.")],
    folder: Annotated[Path, typer.Option(help="Where to make the folder NAME.")] = Path(),
) -> None:
    """Make a plugin that works, with an analyzer to change and its tests."""
    from calls_app.scaffold import PluginName, write_plugin

    plugin = PluginName.of(name)
    made = write_plugin(plugin, folder)
    # A bare name would be one on pip's index.
    place = shlex.quote(str(made) if made.is_absolute() else f"./{made}")
    typer.echo(f"{made / 'src' / plugin.module / '__init__.py'} holds the analyzer {plugin.analyzer}. Next:\n")
    typer.echo(f"  pip install -e {place} pytest")
    typer.echo(f"  pytest {place}")
    typer.echo(f"  ANALYZERS=signal,{plugin.analyzer} calls serve")


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

    from calls_adapters.plugins import choose_analyzers, load_plugins
    from calls_app.analysis_wiring import analysis_options
    from calls_app.settings import SettingsError

    settings = configured(LOG_LEVEL="WARNING")
    found = load_plugins(analysis_options(settings))
    table = Table("analyzer", "version", "from", "runs")
    for plugin in found:
        origin = f"{plugin.distribution} {plugin.version}".strip()
        for analyzer in plugin.analyzers:
            runs = "yes" if analyzer.name in settings.analyzer_names else "add it to ANALYZERS"
            table.add_row(analyzer.name, analyzer.version, origin, runs)
        if plugin.error:
            table.add_row(f"({plugin.name})", "", origin, f"broken: {plugin.error}")
    Console().print(table)
    try:
        choose_analyzers(found, settings.analyzer_names)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if any(plugin.error for plugin in found):
        raise typer.Exit(1)
