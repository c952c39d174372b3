"""``calls doctor``."""

import asyncio

import typer

from calls_app.cli.configured import configured


def doctor() -> None:
    """Tell what is configured, what answers, and what to do about the rest."""
    if not asyncio.run(_examine()):
        raise typer.Exit(1)


async def _examine() -> bool:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from calls_app.checks import PartChecks
    from calls_app.container import make_container
    from calls_app.settings import NAMES, Settings, shown
    from calls_core.errors import CallsError

    settings = configured(LOG_LEVEL="WARNING")
    console = Console()
    table = Table("setting", "value", title="configured (what is not listed has its default)")
    defaults = Settings()
    for name, field in NAMES.items():
        if getattr(settings, field) != getattr(defaults, field):
            table.add_row(name, escape(shown(settings, field)))
    if table.row_count:
        console.print(table)
    healthy = True
    container = make_container(settings)
    try:
        checks = await container.get(PartChecks)
        optional = checks.optional()
        for part, check in {**optional, **checks.for_doctor()}.items():
            try:
                console.print(f"[green]ok[/]    {part}: {escape(await check())}")
            except CallsError as error:
                healthy = healthy and part in optional
                console.print(f"[red]down[/]  {part}: {escape(str(error))}")
    finally:
        await container.close()
    return healthy
