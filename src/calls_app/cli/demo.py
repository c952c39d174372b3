"""``calls demo``."""

import asyncio
import signal
import socket
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from calls_app.cli.configured import configured
from calls_app.settings import SettingsError
from calls_core.hearing import Hears
from calls_core.recording import CallId

POLL_SECONDS: Final = 0.1


def demo(
    recording: Annotated[
        Path | None,
        typer.Argument(help="A recording; by default the one that ships with Calls.", exists=True, dir_okay=False),
    ] = None,
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the data here; by default it goes with the demo.", file_okay=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the service; 0 takes a free one.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="Exit when the call is processed.")] = False,
) -> None:
    """Start the service, hand it a call with its recording, and show what comes out."""
    with nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="calls-demo-") as where:
        if not asyncio.run(_demo(Path(where), recording, port, once=once)):
            raise typer.Exit(1)


async def _demo(folder: Path, recording: Path | None, port: int, *, once: bool) -> bool:
    import msgspec
    from rich.console import Console

    from calls_app.checks import sample_recording
    from calls_app.container import make_container
    from calls_app.library import in_folder
    from calls_app.server import make_app, make_server
    from calls_app.startup import prepare

    # Nobody but this machine reaches it, and it has to hand over a call by itself.
    settings = msgspec.structs.replace(in_folder(configured(LOG_LEVEL="WARNING"), folder), auth_enabled=False)
    container = make_container(settings)
    await prepare(container, settings)
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise SettingsError(f"--port {port}: {error.strerror}; take another, or 0 for a free one") from None
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = make_server(make_app(container, settings, with_worker=True), "127.0.0.1", port)
    # uvicorn would raise the signal again when it is done, before the temporary folder is gone.
    server.capture_signals = nullcontext  # type: ignore[assignment, method-assign]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    console = Console(soft_wrap=True)
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(POLL_SECONDS / 10)
        if serving.done():
            await serving
            return False
        console.print(f"service     {url} (SQLite and recordings in {folder})")
        succeeded = await _hand_over(console, container, url, recording or sample_recording())
        if not once:
            console.print("\nIt keeps running; press Ctrl+C to stop.")
            await serving
        return succeeded
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)


async def _hand_over(console: Any, container: Any, url: str, recording: Path) -> bool:  # noqa: ANN401 (rich, dishka: imported late)
    """Do what a business system does: register a call, send its recording, and wait."""
    import httpx2
    from rich.markup import escape

    from calls_app.cli.report import report
    from calls_core.use_cases.read_calls import GetRecording

    async with httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        fields = {"caller": "+7 900 123-45-67", "receiver": "101", "started_at": datetime.now(UTC).isoformat()}
        call = _accepted(await client.post("/calls", json=fields))
        console.print(f"registered  call {call['id']} from {call['caller']} to {call['receiver']}")
        with recording.open("rb") as file:
            answer = _accepted(
                await client.post(f"/calls/{call['id']}/recording", files={"file": (recording.name, file)})
            )
        digest = f"SHA-256 {answer['sha256'][:16]}..."
        console.print(f"uploaded    {escape(answer['filename'])}, {answer['size_bytes']} bytes, {digest}")
        status = await _follow(console, client, call["id"])
        found = await (await container.get(GetRecording))(CallId(UUID(call["id"])), Hears.ORIGINAL)
        console.print(f"processed   the call is [bold]{status}[/]\n")
        console.print(report(found))
        console.print(f"\npage        {url}/ui/calls/{call['id']}")
        console.print(f"call        {url}/calls/{call['id']}")
        console.print(f"recording   {url}/calls/{call['id']}/recording")
        console.print(f"audio       {url}/calls/{call['id']}/recording/audio")
        console.print(f"search      {url}/calls?query=%2B7900")
        console.print(f"API         {url}/docs")
    return bool(status == "ready")


async def _follow(console: Any, client: Any, call_id: str) -> str:  # noqa: ANN401 (rich, httpx2: imported late)
    """Show the steps until all of them have ended; return the status of the call."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("steps       {task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        while True:
            steps = (await client.get(f"/calls/{call_id}/recording")).json()["steps"]
            ended = sum(step["status"] in {"done", "failed", "skipped"} for step in steps)
            described = ", ".join(f"{step['analyzer']} {step['status']}" for step in steps)
            bar.update(task, total=len(steps), completed=ended, description=described)
            status = str((await client.get(f"/calls/{call_id}")).json()["status"])
            if status in {"ready", "failed"}:
                return status
            await asyncio.sleep(POLL_SECONDS)


def _accepted(response: Any) -> dict[str, Any]:  # noqa: ANN401 (httpx2: imported late)
    answer: dict[str, Any] = response.json()
    if response.is_error:
        typer.echo(f"calls: {answer.get('detail', response.text)}", err=True)
        raise typer.Exit(1)
    return answer
