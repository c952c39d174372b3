"""``calls webhooks``."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from calls_app.cli.configured import opened, recorded
from calls_app.cli.printing import print_json, print_table
from calls_core.audit import Action

webhooks = typer.Typer(no_args_is_help=True, help="Where events go.")

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
            print_json(shown)
            return
        rows = [(str(w.id), w.kind, w.url, ", ".join(w.event_types) or "all", w.mode, _state_of(w)) for w in shown]
        print_table(("id", "kind", "url", "events", "mode", "state"), rows)

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
            await recorded(container, Action.WEBHOOK_ADDED, made=f"/webhooks/{made.id}")
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
            rotated = await (await container.get(ManageDestinations)).rotate_secret(DestinationId(key))
            await recorded(container, Action.WEBHOOK_SECRET_ROTATED, webhook=key)
        typer.echo(rotated.secret)

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
            await recorded(container, Action.WEBHOOK_CHANGED, webhook=key)

    asyncio.run(run())


@webhooks.command()
def remove(key: Key) -> None:
    """Remove a webhook with its deliveries."""

    async def run() -> None:
        from calls_core.events import DestinationId
        from calls_core.use_cases.manage_destinations import ManageDestinations

        async with opened() as container:
            await (await container.get(ManageDestinations)).remove(DestinationId(key))
            await recorded(container, Action.WEBHOOK_REMOVED, webhook=key)

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
            await recorded(container, Action.WEBHOOK_REPLAYED, webhook=key)
        typer.echo(f"{number} queued")

    asyncio.run(run())


def _state_of(webhook: Any) -> str:  # noqa: ANN401 (a struct of calls_http, which is imported late)
    if webhook.disabled_reason:
        return f"disabled: {webhook.disabled_reason.code}"
    if not webhook.enabled:
        return "disabled"
    return f"failing since {webhook.failing_since:%Y-%m-%d %H:%M}" if webhook.failing_since else "enabled"
