"""``calls import``."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from calls_app.cli.configured import configured

Pattern = Annotated[
    str | None,
    typer.Option(help="How files are named: asterisk, freepbx, freeswitch, or a regular expression with named groups."),
]
Zone = Annotated[str | None, typer.Option(help="The time zone of times in names, such as Europe/Berlin.")]
Url = Annotated[str | None, typer.Option(help="A running service; without it, the database of the settings.")]
ApiKey = Annotated[str | None, typer.Option(envvar="CALLS_API_KEY", help="For --url.")]


def import_(
    source: Annotated[str, typer.Argument(help="A folder, a manifest (.csv or .jsonl), or s3://BUCKET/PREFIX.")],
    *,
    pattern: Pattern = None,
    zone: Zone = None,
    url: Url = None,
    api_key: ApiKey = None,
    report: Annotated[Path | None, typer.Option(help="A line for each recording; a second run does the rest.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="How many at a time.")] = 4,
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many a second.")] = None,
) -> None:
    """Hand over recordings of a folder, a manifest or a bucket; kill it at any time and run it again."""
    from calls_app.intake.receivers import Unreachable

    try:
        refused = asyncio.run(_import(source, pattern, zone, url, api_key, report, at_once, rate))
    except (ValueError, OSError, Unreachable) as error:
        print(f"calls: {error}", file=sys.stderr)  # noqa: T201 (the command line speaks)
        raise typer.Exit(2 if isinstance(error, ValueError) else 1) from None
    if refused:
        raise typer.Exit(1)


async def _import(
    source: str,
    pattern: str | None,
    zone: str | None,
    url: str | None,
    api_key: str | None,
    report: Path | None,
    at_once: int,
    rate: float | None,
) -> int:
    """Return how many recordings were refused."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from calls_app.intake.ledger import Entry, Outcome, open_ledger
    from calls_app.intake.naming import Naming
    from calls_app.intake.receivers import open_receiver
    from calls_app.intake.running import Import
    from calls_app.intake.sources import open_source

    settings = configured(LOG_LEVEL="WARNING")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    naming = Naming.parsed(pattern, zone) if pattern else None
    async with open_source(source, naming, settings) as (name, items):
        total = sum(1 for _ in items())
        path = report or Path(f"{name}.import.csv")
        with open_ledger(path) as ledger, Progress(*columns, console=Console(stderr=True)) as bar:
            before = sum(item.name in ledger.done for item in items())
            task = bar.add_task("", total=total, completed=before)

            def show(entry: Entry) -> None:
                bar.advance(task)
                if entry.outcome is Outcome.REFUSED:
                    bar.console.print(f"[red]{escape(entry.source)}[/]: {entry.code}: {escape(entry.detail)}")

            async with open_receiver(settings, url, api_key) as receiver:
                counts = await Import(receiver, ledger, at_once, rate, shown=show)(items())
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    print(f"{told}; {before} done before; {path}")  # noqa: T201
    return counts[Outcome.REFUSED]
