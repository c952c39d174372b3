"""``calls webhooks``, ``calls deliveries`` and ``calls events``."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer

from calls_app.cli.configured import opened

webhooks = typer.Typer(no_args_is_help=True, help="Where events go.")
deliveries = typer.Typer(no_args_is_help=True, help="Events on their way to webhooks.")

Key = Annotated[UUID, typer.Argument(help="The id.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


@webhooks.command("list")
def list_webhooks(*, as_json: AsJson = False) -> None:
    """List the webhooks and how they do."""

    async def run() -> None:
        from calls_core.use_cases.manage_destinations import ManageDestinations
        from calls_http import wire

        async with opened() as container:
            shown = [wire.Webhook.of(found) for found in await (await container.get(ManageDestinations)).all()]
        if as_json:
            _print_json(shown)
            return
        rows = [(str(w.id), w.kind, w.url, ", ".join(w.event_types) or "all", w.mode, _state_of(w)) for w in shown]
        _print_table(("id", "kind", "url", "events", "mode", "state"), rows)

    asyncio.run(run())


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(help="Where to send events: http or https; amqp or amqps for kind amqp.")],
    events: Annotated[list[str] | None, typer.Option("--event", help="A type of event; all if none is given.")] = None,
    kind: Annotated[str, typer.Option(help="webhook or amqp; a form needs the API.")] = "webhook",
    description: Annotated[str, typer.Option(help="For people.")] = "",
    *,
    by_hand: Annotated[bool, typer.Option(help="Hold events until they are released.")] = False,
) -> None:
    """Add a webhook and print its id and its secret, which is not shown again."""

    async def run() -> None:
        from calls_core.use_cases.manage_destinations import ManageDestinations
        from calls_http import wire
        from calls_http.bodies import converted

        given = {"url": url, "kind": kind, "event_types": events or [], "description": description}
        wanted = converted(given | {"mode": "by_hand" if by_hand else "automatic"}, wire.NewWebhook)
        async with opened() as container:
            made = await (await container.get(ManageDestinations)).add(wanted.details())
        typer.echo(f"{made.id} {made.secret}")

    asyncio.run(run())


@webhooks.command()
def test(key: Key) -> None:
    """Send a test event and tell what came of it; exit code 1 when it was not accepted."""

    async def run() -> bool:
        from calls_core.delivery import Attempt
        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDestinations

        async with opened() as container:
            tried: Attempt = await (await container.get(ManageDestinations)).test(DestinationId(key))
        why = f": {tried.error.detail}" if tried.error else ""
        typer.echo(f"{'accepted' if tried.is_accepted else 'not accepted'} after {tried.duration_ms} ms{why}")
        return tried.is_accepted

    if not asyncio.run(run()):
        raise typer.Exit(1)


@webhooks.command()
def rotate(key: Key) -> None:
    """Make a new secret and print it; the old one signs, too, for 24 hours."""

    async def run() -> None:
        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDestinations

        async with opened() as container:
            typer.echo((await (await container.get(ManageDestinations)).rotate_secret(DestinationId(key))).secret)

    asyncio.run(run())


@webhooks.command()
def enable(key: Key, *, off: Annotated[bool, typer.Option("--off", help="Disable it instead.")] = False) -> None:
    """Send events there again, after it was disabled."""

    async def run() -> None:
        from dataclasses import replace

        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDestinations

        async with opened() as container:
            manage = await container.get(ManageDestinations)
            details = (await manage.get(DestinationId(key))).details
            await manage.change(DestinationId(key), replace(details, enabled=not off))

    asyncio.run(run())


@webhooks.command()
def remove(key: Key) -> None:
    """Remove a webhook with its deliveries."""

    async def run() -> None:
        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDestinations

        async with opened() as container:
            await (await container.get(ManageDestinations)).remove(DestinationId(key))

    asyncio.run(run())


@webhooks.command("replay")
def replay_webhook(
    key: Key,
    since: Annotated[datetime | None, typer.Option(help="In UTC; all events since then are sent again.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Up to then, in UTC; now if it is not given.")] = None,
) -> None:
    """Send what was given up again; or, with --since, every event of a time, sent before or not."""

    async def run() -> None:
        from datetime import UTC

        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDestinations

        async with opened() as container:
            manage = await container.get(ManageDestinations)
            if since is None:
                number = await manage.replay_exhausted(DestinationId(key))
            else:
                end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
                number = await manage.replay_period(DestinationId(key), since.replace(tzinfo=UTC), end)
        typer.echo(f"{number} queued")

    asyncio.run(run())


@deliveries.command("list")
def list_deliveries(
    webhook: Annotated[UUID | None, typer.Option(help="Of this webhook.")] = None,
    state: Annotated[str | None, typer.Option(help="held, queued, running, delivered or exhausted.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List deliveries, latest first."""

    async def run() -> None:
        from calls_core.delivery import DeliveryFilter, DeliveryState
        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDeliveries
        from calls_http import wire
        from calls_http.bodies import converted

        wanted = DeliveryFilter(
            destination_id=DestinationId(webhook) if webhook else None,
            state=converted(state, DeliveryState) if state else None,
        )
        async with opened() as container:
            found = await (await container.get(ManageDeliveries)).page(wanted, None, limit)
        shown = [wire.Delivery.of(delivery) for delivery in found]
        if as_json:
            _print_json(shown)
            return
        rows = [(str(d.id), d.event_type, str(d.call_id or ""), d.state, str(d.attempt)) for d in shown]
        _print_table(("id", "event", "call", "state", "attempts"), rows)

    asyncio.run(run())


@deliveries.command()
def show(key: Key) -> None:
    """Print a delivery with every attempt, as JSON."""

    async def run() -> None:
        from calls_core.delivery import DeliveryId
        from calls_core.use_cases.manage_destinations import ManageDeliveries
        from calls_http import wire

        async with opened() as container:
            delivery, log = await (await container.get(ManageDeliveries)).get(DeliveryId(key))
        logged = wire.LoggedDelivery(
            delivery=wire.Delivery.of(delivery), attempts=[wire.Attempt.of(attempt) for attempt in log]
        )
        typer.echo(msgspec.json.format(msgspec.json.encode(logged), indent=2).decode())

    asyncio.run(run())


@deliveries.command()
def replay(key: Key) -> None:
    """Send an event again."""

    async def run() -> None:
        from calls_core.delivery import DeliveryId
        from calls_core.use_cases.manage_destinations import ManageDeliveries

        async with opened() as container:
            typer.echo((await (await container.get(ManageDeliveries)).replay(DeliveryId(key))).state)

    asyncio.run(run())


@deliveries.command()
def release(keys: Annotated[list[UUID], typer.Argument(help="Of held deliveries.")]) -> None:
    """Let go of held deliveries."""

    async def run() -> None:
        from calls_core.delivery import DeliveryFilter, DeliveryId, DeliveryState
        from calls_core.use_cases.manage_destinations import ManageDeliveries

        wanted = DeliveryFilter(ids=tuple(DeliveryId(key) for key in keys), state=DeliveryState.HELD)
        async with opened() as container:
            typer.echo(f"{await (await container.get(ManageDeliveries)).release(wanted)} released")

    asyncio.run(run())


def events(
    after: Annotated[int | None, typer.Option(min=0, help="Begin after this cursor; by default at the first.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more; without --after, from now on.")] = False,
) -> None:
    """Print the feed of events, one JSON object per line."""

    async def run() -> None:
        from calls_core.use_cases.tell_events import FollowEvents, ReadEvents
        from calls_http import wire

        async with opened() as container:
            read = await container.get(ReadEvents)
            position = after
            if position is None:
                position = await (read.latest() if follow else read.first())
            await read.require_kept(position)
            if follow:
                async for entries in (await container.get(FollowEvents))(position):
                    _print_json([wire.Event.of(entry) for entry in entries])
            while page := await read(position, 200):
                _print_json([wire.Event.of(entry) for entry in page])
                position = page[-1].position

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _state_of(webhook: Any) -> str:  # noqa: ANN401 (a struct of calls_http, which is imported late)
    if webhook.disabled_reason:
        return f"disabled: {webhook.disabled_reason.code}"
    if not webhook.enabled:
        return "disabled"
    return f"failing since {webhook.failing_since:%Y-%m-%d %H:%M}" if webhook.failing_since else "enabled"


def _print_json(items: Sequence[msgspec.Struct]) -> None:
    for item in items:
        typer.echo(msgspec.json.encode(item).decode())


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Plain and whole: ids and addresses are there to be copied, and lines to be searched."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
