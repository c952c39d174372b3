"""``calls fake-ai``."""

import asyncio
import signal
from typing import Annotated, Any

import typer

from calls_app.settings import SettingsError


def fake_ai(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 9000,
    *,
    script: Annotated[
        str, typer.Option(help="What the next requests meet, such as '429:2, 500*3, slow:5, html, lost'.")
    ] = "",
    key: Annotated[str, typer.Option(help="The key that requests must carry; by default any or none.")] = "",
    polls: Annotated[
        str, typer.Option(help="Asynchronous protocol: what the next questions for an answer meet, as --script.")
    ] = "",
    callbacks: Annotated[
        str, typer.Option(help="What becomes of the next answers, such as 'lost, twice, late:5, forged'.")
    ] = "",
    callback_auth: Annotated[
        str, typer.Option(help="What callbacks carry: header:NAME:VALUE, basic:USER:PASSWORD or signature:whsec_...")
    ] = "",
    work_sec: Annotated[float, typer.Option(min=0, help="How long the work on an order takes.")] = 0.5,
    forgetful: Annotated[
        bool, typer.Option("--forgetful", help="Ignore idempotency keys, as most services do.")
    ] = False,
) -> None:
    """Serve made-up transcripts as an AI service would, and misbehave when told to: for tests and demos."""
    from calls_app.fake_ai.errands import Errands, couriers
    from calls_app.fake_ai.script import ScriptError, parsed
    from calls_app.fake_ai.service import FakeAi

    try:
        errands = Errands(couriers(callbacks), callback_auth, work_sec)
        fake = FakeAi(parsed(script), key=key, forgetful=forgetful, polls=parsed(polls), errands=errands)
    except ScriptError as error:
        raise SettingsError(f"--script, --polls or --callbacks: {error}") from None
    asyncio.run(_serve(host, port, fake))


async def _serve(host: str, port: int, fake: Any) -> None:  # noqa: ANN401 (a FakeAi, which is slow to load)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with fake.serving(host, port) as url:
            typer.echo(f"AI_BASE_URL={url}")
            await stop.wait()
    except OSError as error:
        raise SettingsError(f"--host {host} --port {port}: {error.strerror}; take another port, or 0") from None
    stats = fake.stats
    typer.echo(f"{stats['requests']} requests, {stats['paid']} transcripts made, {stats['paid_twice']} twice")
