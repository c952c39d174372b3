"""``calls analyze``."""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from calls_app.cli.configured import configured
from calls_core.recording import Recording

STORED_ONLY: Final = frozenset({"id", "call_id", "created_at", "updated_at"})


def analyze(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files.", exists=True, dir_okay=False)],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per file and line.")] = False,
) -> None:
    """Print facts about audio files: no server, no database, nothing stored."""
    if not asyncio.run(_analyze(paths, as_json=json)):
        raise typer.Exit(1)


async def _analyze(paths: list[Path], *, as_json: bool) -> bool:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    from calls_app.cli.report import report
    from calls_app.container import make_container
    from calls_core.errors import InvalidInput
    from calls_core.use_cases.analyze_file import AnalyzeFile

    container = make_container(configured(LOG_LEVEL="WARNING"))
    succeeded = True
    try:
        analyze_file = await container.get(AnalyzeFile)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            for path in paths:
                task = bar.add_task(escape(path.name), total=1.0)
                size, sha256 = await asyncio.to_thread(_measured, path)
                try:
                    recording = await analyze_file(path, size, sha256, partial(_show, bar, task))
                except InvalidInput as error:
                    succeeded = False
                    bar.console.print(f"[red]{escape(str(path))}[/]: {error.code}: {escape(str(error))}")
                    continue
                finally:
                    bar.remove_task(task)
                succeeded = succeeded and recording.failure is None
                if as_json:
                    sys.stdout.write(_as_json(recording) + "\n")
                else:
                    Console().print(report(recording))
    finally:
        await container.close()
    return succeeded


def _show(bar: Any, task: Any, analyzer: str, share: float) -> None:  # noqa: ANN401 (rich's, slow to import)
    bar.update(task, description=analyzer, completed=share)


def _as_json(recording: Recording) -> str:
    """Return what the API would say of the recording, less what only a stored one has."""
    import msgspec

    from calls_http import wire

    told = msgspec.to_builtins(wire.Recording.of(recording))
    return msgspec.json.encode({name: told[name] for name in told if name not in STORED_ONLY}).decode()


def _measured(path: Path) -> tuple[int, str]:
    import hashlib

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return path.stat().st_size, digest.hexdigest()
