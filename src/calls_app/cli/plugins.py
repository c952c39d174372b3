"""``calls plugins``."""

import typer

from calls_app.cli.configured import configured


def plugins() -> None:
    """List the installed analyzers, where they come from, and which ones run."""
    from rich.console import Console
    from rich.table import Table

    from calls_adapters.plugins import choose_analyzers, load_plugins
    from calls_app.container import analysis_options
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
