"""``calls import``."""

import asyncio
import sys
from contextlib import nullcontext
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would become of each.")] = False,
) -> None:
    """Hand over recordings of a folder, a manifest or a bucket; kill it at any time and run it again."""
    from calls_app.intake.receivers import Unreachable

    try:
        refused = asyncio.run(_import(source, pattern, zone, url, api_key, report, at_once, rate, dry_run=dry_run))
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
    *,
    dry_run: bool,
) -> int:
    """Return how many recordings were refused."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from calls_app.intake.forecast import open_forecast
    from calls_app.intake.ledger import COLUMNS, Entry, Glance, Outcome, line_of, open_ledger, told
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
        known = nullcontext(Glance.of(path)) if dry_run else open_ledger(path)
        with known as ledger, Progress(*columns, console=Console(stderr=True), disable=dry_run) as bar:
            before = sum(item.name in ledger.done for item in items())
            task = bar.add_task("", total=total, completed=before)

            def show(entry: Entry) -> None:
                bar.advance(task)
                if dry_run:
                    sys.stdout.buffer.write(line_of(told(entry)))
                elif entry.outcome is Outcome.REFUSED:
                    bar.console.print(f"[red]{escape(entry.source)}[/]: {entry.code}: {escape(entry.detail)}")

            if dry_run:
                sys.stdout.buffer.write(line_of(COLUMNS[:-1]))
            opened = open_forecast if dry_run else open_receiver
            async with opened(settings, url, api_key) as receiver:
                counts = await Import(receiver, ledger, at_once, rate, shown=show)(items())
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    where = "nothing was written" if dry_run else path
    print(f"{summary}; {before} done before; {where}", file=sys.stderr if dry_run else sys.stdout)
    return counts[Outcome.REFUSED]
