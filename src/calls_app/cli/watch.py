"""``calls watch``."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from calls_app.cli.configured import configured
from calls_app.cli.import_ import ApiKey, Url, Zone
from calls_app.intake import Then


def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What is recorded into.", exists=True, file_okay=False)],
    *,
    pattern: Annotated[str, typer.Option(help="How files are named, as for import.")],
    zone: Zone = None,
    url: Url = None,
    api_key: ApiKey = None,
    settle: Annotated[float, typer.Option(min=0.05, help="Seconds without a change that make a file whole.")] = 5.0,
    then: Annotated[Then, typer.Option(help="What happens to files that were taken.")] = Then.KEEP,
) -> None:
    """Hand over every recording that appears in a folder, as soon as it is whole; until SIGTERM."""
    try:
        asyncio.run(_watch(folder, pattern, zone, url, api_key, settle, then))
    except (ValueError, OSError) as error:
        print(f"calls: {error}", file=sys.stderr)  # noqa: T201 (the command line speaks)
        raise typer.Exit(2 if isinstance(error, ValueError) else 1) from None


async def _watch(
    folder: Path, pattern: str, zone: str | None, url: str | None, api_key: str | None, settle: float, then: Then
) -> None:
    from calls_app.intake.ledger import open_ledger
    from calls_app.intake.naming import Naming
    from calls_app.intake.receivers import open_receiver
    from calls_app.intake.watching import JOURNAL, Watch

    naming = Naming.parsed(pattern, zone)
    settings = configured()
    with open_ledger(folder / JOURNAL) as ledger:
        async with open_receiver(settings, url, api_key) as receiver:
            poll = min(1.0, settle / 2)
            watching = asyncio.create_task(Watch(folder, naming, receiver, ledger, settle, poll, then)())
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
            await asyncio.wait([watching])
            if not watching.cancelled():
                watching.result()
