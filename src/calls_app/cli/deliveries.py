"""``calls deliveries`` and ``calls events``."""

import asyncio
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from calls_app.cli.configured import opened, recorded
from calls_app.cli.printing import print_json, print_table
from calls_app.cli.webhooks import AsJson, Key
from calls_core.audit import Action

deliveries = typer.Typer(no_args_is_help=True, help="Events on their way to webhooks.")


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
            print_json(shown)
            return
        rows = [(str(d.id), d.event_type, str(d.call_id or ""), d.state, str(d.attempt)) for d in shown]
        print_table(("id", "event", "call", "state", "attempts"), rows)

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
            replayed = await (await container.get(ManageDeliveries)).replay(DeliveryId(key))
            await recorded(container, Action.DELIVERY_REPLAYED, delivery=key)
        typer.echo(replayed.state)

    asyncio.run(run())


@deliveries.command()
def release(keys: Annotated[list[UUID], typer.Argument(help="Of held deliveries.")]) -> None:
    """Let go of held deliveries."""

    async def run() -> None:
        from calls_core.delivery import DeliveryFilter, DeliveryId, DeliveryState
        from calls_core.use_cases.manage_destinations import ManageDeliveries

        wanted = DeliveryFilter(ids=tuple(DeliveryId(key) for key in keys), state=DeliveryState.HELD)
        async with opened() as container:
            number = await (await container.get(ManageDeliveries)).release(wanted)
            await recorded(container, Action.DELIVERIES_RELEASED)
        typer.echo(f"{number} released")

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
            await read.require_followed(position)
            if follow:
                async for entries in (await container.get(FollowEvents))(position):
                    print_json([wire.Event.of(entry) for entry in entries])
            while page := await read(position, 200):
                print_json([wire.Event.of(entry) for entry in page])
                position = page[-1].position

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
