"""Destinations: where events go."""

from typing import Any, Final
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, delete, get, patch, post
from litestar.datastructures import CacheControlHeader
from litestar.params import FromPath, JSONBody

from calls_core.call import utc
from calls_core.destination import Destination
from calls_core.errors import FieldError, InvalidInput
from calls_core.events import DestinationId
from calls_core.use_cases.manage_destinations import ManageDestinations
from calls_http import wire
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.idempotency import Idempotent, receipting
from calls_http.queries import refuse_unknown_parameters

NO_STORE: Final = CacheControlHeader(no_store=True)
"""For answers that show a secret."""


@post(
    "/webhooks",
    cache_control=NO_STORE,
    middleware=[Idempotent()],
    operation_class=operation(headers={201: {"Location": "Where the webhook is."}}, keyed=True),
    responses=problems(409, *READS_BODY),
    response_description="The new webhook with its secret, which is not shown again.",
    summary="Add a webhook",
)
async def add_webhook(
    request: Request[Any, Any, Any], data: JSONBody[wire.NewWebhook], manage: FromDishka[ManageDestinations]
) -> Response[wire.Webhook]:
    """Events that are told from now on go to `url`, signed as Standard Webhooks 1.0.0 says. Redirects are not followed,
    and where the address leads is judged whenever it is dialled."""
    return _added(await manage.add(data.details(), await receipting(request, _added)))


def _added(made: Destination) -> Response[wire.Webhook]:
    headers = {"Location": f"/webhooks/{made.id}"}
    return Response(wire.Webhook.of(made, with_secret=True), status_code=201, headers=headers)


@get("/webhooks", operation_class=operation(), responses=problems(), summary="List webhooks")
async def list_webhooks(manage: FromDishka[ManageDestinations]) -> wire.WebhookList:
    return wire.WebhookList(items=[wire.Webhook.of(destination) for destination in await manage.all()])


@get("/webhooks/{webhook_id:uuid}", operation_class=operation(), responses=problems(404), summary="Get a webhook")
async def get_webhook(webhook_id: FromPath[UUID], manage: FromDishka[ManageDestinations]) -> wire.Webhook:
    return wire.Webhook.of(await manage.get(DestinationId(webhook_id)))


@patch(
    "/webhooks/{webhook_id:uuid}",
    operation_class=operation(),
    responses=problems(404, *READS_BODY),
    summary="Change a webhook",
)
async def change_webhook(
    webhook_id: FromPath[UUID], data: JSONBody[wire.WebhookChanges], manage: FromDishka[ManageDestinations]
) -> wire.Webhook:
    """What waits for it waits on while it is disabled, and goes where it leads then."""
    key = DestinationId(webhook_id)
    details = data.applied((await manage.get(key)).details)
    return wire.Webhook.of(await manage.change(key, details))


@delete("/webhooks/{webhook_id:uuid}", operation_class=operation(), responses=problems(404), summary="Remove a webhook")
async def remove_webhook(webhook_id: FromPath[UUID], manage: FromDishka[ManageDestinations]) -> None:
    """Its deliveries and their log go with it."""
    await manage.remove(DestinationId(webhook_id))


@post(
    "/webhooks/{webhook_id:uuid}/rotate-secret",
    status_code=200,
    cache_control=NO_STORE,
    operation_class=operation(),
    responses=problems(404),
    response_description="The webhook with its new secret, which is not shown again.",
    summary="Make a new secret",
)
async def rotate_secret(webhook_id: FromPath[UUID], manage: FromDishka[ManageDestinations]) -> wire.Webhook:
    """Both secrets sign for 24 hours; a secret that was replaced before that signs no more."""
    return wire.Webhook.of(await manage.rotate_secret(DestinationId(webhook_id)), with_secret=True)


@post(
    "/webhooks/{webhook_id:uuid}/test",
    status_code=200,
    operation_class=operation(),
    responses=problems(404),
    response_description="What came of it.",
    summary="Send a test event",
)
async def test_webhook(webhook_id: FromPath[UUID], manage: FromDishka[ManageDestinations]) -> wire.Attempt:
    """Send a signed event of the type `webhook.test` at once, once, also while the webhook is disabled."""
    return wire.Attempt.of(await manage.test(DestinationId(webhook_id)))


@post(
    "/webhooks/{webhook_id:uuid}/replay",
    status_code=202,
    operation_class=operation(body_required=False),
    responses=problems(404, *READS_BODY),
    summary="Send events again",
)
async def replay_webhook(
    webhook_id: FromPath[UUID],
    manage: FromDishka[ManageDestinations],
    data: JSONBody[wire.Replay | None] = None,
) -> wire.Queued:
    """Those that were given up; or, with `since` and `until`, all that happened between, sent before or not."""
    key, wanted = DestinationId(webhook_id), data or wire.Replay()
    if wanted.since is None and wanted.until is None:
        return wire.Queued(deliveries=await manage.replay_exhausted(key))
    if wanted.since is None or wanted.until is None:
        why = "since and until go together"
        raise InvalidInput(why, [FieldError("/since" if wanted.since is None else "/until", why)])
    try:
        since, until = utc(wanted.since), utc(wanted.until)
    except ValueError as error:
        raise InvalidInput(f"since, until: {error}", [FieldError("/since", str(error))]) from None
    return wire.Queued(deliveries=await manage.replay_period(key, since, until))


webhooks_router = DishkaRouter(
    "/",
    route_handlers=[
        add_webhook,
        list_webhooks,
        get_webhook,
        change_webhook,
        remove_webhook,
        rotate_secret,
        test_webhook,
        replay_webhook,
    ],
    before_request=refuse_unknown_parameters,
    tags=["events"],
)
