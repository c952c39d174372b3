"""``calls retention`` and ``calls erase``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from calls_app.cli.configured import actor, configured

T = TypeVar("T")


def retention(*, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False) -> None:
    """Tell what is too old to be kept, or do away with it now; running services do so by themselves."""
    from calls_core.use_cases.expire_calls import ExpireCalls

    async def run(container: Any) -> None:  # noqa: ANN401 (an AsyncContainer, slow to import)
        expire = await container.get(ExpireCalls)
        overdue = await expire.preview()
        if not overdue:
            typer.echo("everything is kept for ever: RETENTION_DAYS_AUDIO, _TRANSCRIPTS and _CALLS are not set")
        for kept, found in overdue.items():
            limit = expire.rules.before(kept, expire.clock())
            typer.echo(
                f"{kept}: {found.calls} calls accepted before {limit:%Y-%m-%d %H:%M} UTC "
                f"(RETENTION_DAYS_{kept.upper()}), {found.size_bytes} bytes of audio; "
                f"{found.held} more are on legal hold"
            )
        while not dry_run and any((await expire()).values()):
            pass

    asyncio.run(_with_container(run))


def erase(
    number: Annotated[str, typer.Option(help="Of whom every call is erased, as caller or receiver.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell which calls there are.")] = False,
) -> None:
    """Erase every call of a telephone number, and print the receipt as JSON."""
    import msgspec

    from calls_core.ports import Erasures
    from calls_core.use_cases.erase_number import EraseNumber
    from calls_http.wire.governance import Erasure

    async def run(container: Any) -> None:  # noqa: ANN401 (as above)
        erase_number = await container.get(EraseNumber)
        if dry_run:
            receipt = Erasure.of(await erase_number.preview(number, actor()), dry_run=True)
        else:
            ordered = await erase_number.order(number, actor())
            await erase_number()
            receipt = Erasure.of(await (await container.get(Erasures)).get(ordered.id))
        typer.echo(msgspec.json.format(msgspec.json.encode(receipt), indent=2).decode())

    asyncio.run(_with_container(run))


async def _with_container(work: Callable[[Any], Awaitable[T]]) -> T:
    from calls_app.container import make_container
    from calls_app.startup import prepare

    settings = configured(LOG_LEVEL="WARNING")
    container = make_container(settings)
    try:
        await prepare(container, settings)
        return await work(container)
    finally:
        await container.close()
