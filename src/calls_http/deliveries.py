"""Deliveries: events on their way to destinations."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from calls_core.call import utc
from calls_core.delivery import DeliveryFilter, DeliveryId, DeliveryState
from calls_core.errors import FieldError, InvalidInput
from calls_core.events import DestinationId
from calls_core.search import PAGE_LIMIT
from calls_core.use_cases.manage_destinations import ManageDeliveries
from calls_http import wire
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.queries import refuse_unknown_parameters


@get("/deliveries", operation_class=operation(), responses=problems(), summary="List deliveries")
async def list_deliveries(
    manage: FromDishka[ManageDeliveries],
    webhook_id: FromQuery[UUID | None] = None,
    chosen: Annotated[DeliveryState | None, QueryParameter(name="state")] = None,  # Litestar keeps that name for itself
    call_id: FromQuery[UUID | None] = None,
    cursor: Annotated[UUID | None, QueryParameter(description="next_cursor of the page before.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_LIMIT)] = 50,
) -> wire.DeliveryPage:
    """Latest first."""
    wanted = DeliveryFilter(
        destination_id=DestinationId(webhook_id) if webhook_id else None, state=chosen, call_id=call_id
    )
    before = DeliveryId(cursor) if cursor else None
    return wire.DeliveryPage.of(await manage.page(wanted, before, limit), limit)


@get("/deliveries/{delivery_id:uuid}", operation_class=operation(), responses=problems(404), summary="Get a delivery")
async def get_delivery(delivery_id: FromPath[UUID], manage: FromDishka[ManageDeliveries]) -> wire.LoggedDelivery:
    delivery, attempts = await manage.get(DeliveryId(delivery_id))
    return wire.LoggedDelivery(
        delivery=wire.Delivery.of(delivery), attempts=[wire.Attempt.of(attempt) for attempt in attempts]
    )


@post(
    "/deliveries/{delivery_id:uuid}/replay",
    status_code=202,
    operation_class=operation(),
    responses=problems(404),
    summary="Send an event again",
)
async def replay_delivery(delivery_id: FromPath[UUID], manage: FromDishka[ManageDeliveries]) -> wire.Delivery:
    """From the first attempt on, under the same event id. One that is on its way goes on as it is."""
    return wire.Delivery.of(await manage.replay(DeliveryId(delivery_id)))


@post(
    "/deliveries/release",
    status_code=202,
    operation_class=operation(),
    responses=problems(*READS_BODY),
    summary="Release held deliveries",
)
async def release_deliveries(data: JSONBody[wire.Release], manage: FromDishka[ManageDeliveries]) -> wire.Queued:
    """Let go of what waits for webhooks of the mode `by_hand`: those named, or those that fit."""
    wanted = data.wanted()
    try:
        wanted = replace(
            wanted,
            started_from=utc(wanted.started_from) if wanted.started_from else None,
            started_until=utc(wanted.started_until) if wanted.started_until else None,
        )
    except ValueError as error:
        raise InvalidInput(f"started_from: {error}", [FieldError("/started_from", str(error))]) from None
    return wire.Queued(deliveries=await manage.release(wanted))


deliveries_router = DishkaRouter(
    "/",
    route_handlers=[list_deliveries, get_delivery, replay_delivery, release_deliveries],
    before_request=refuse_unknown_parameters,
    tags=["events"],
)
