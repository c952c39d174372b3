"""Legal holds, and the erasure of everything that belongs to a number."""

from typing import Any
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from calls_core.governance import Erasure, ErasureId
from calls_core.ports import Erasures
from calls_core.recording import CallId
from calls_core.use_cases.erase_number import EraseNumber
from calls_core.use_cases.hold_calls import HoldCalls
from calls_http.access import actor_of
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.idempotency import Idempotent, receipting
from calls_http.queries import refuse_unknown_parameters
from calls_http.wire import Call
from calls_http.wire import governance as wire

DRY = {200: ResponseSpec(wire.Erasure, generate_examples=False, description="What would be erased; nothing was.")}


@put(
    "/calls/{call_id:uuid}/legal-hold",
    operation_class=operation(),
    responses=problems(404, *READS_BODY),
    summary="Hold a call",
)
async def place_hold(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    data: JSONBody[wire.NewLegalHold],
    hold: FromDishka[HoldCalls],
) -> Call:
    """Neither retention nor anybody erases a call on hold, its audio or its transcript."""
    return Call.of(await hold.place(CallId(call_id), data.reason, actor_of(request)))


@delete(
    "/calls/{call_id:uuid}/legal-hold",
    operation_class=operation(),
    responses=problems(404),
    summary="Hold a call no longer",
)
async def lift_hold(request: Request[Any, Any, Any], call_id: FromPath[UUID], hold: FromDishka[HoldCalls]) -> None:
    await hold.lift(CallId(call_id), actor_of(request))


@post(
    "/legal-holds",
    status_code=200,
    operation_class=operation(),
    responses=problems(*READS_BODY),
    summary="Hold all calls that fit",
)
async def place_holds(
    request: Request[Any, Any, Any], data: JSONBody[wire.NewLegalHolds], hold: FromDishka[HoldCalls]
) -> wire.HeldCalls:
    """The filter is that of the list. Sent again, it holds what has come since."""
    return wire.HeldCalls(held=await hold.place_all(data.filter.checked(), data.reason, actor_of(request)))


@post(
    "/erasures",
    status_code=202,
    middleware=[Idempotent()],
    operation_class=operation(headers={202: {"Location": "Where the receipt is."}}, keyed=True),
    responses=problems(409, *READS_BODY) | DRY,
    response_description="All calls of the number will be erased.",
    summary="Erase a number",
)
async def order_erasure(
    request: Request[Any, Any, Any], data: JSONBody[wire.NewErasure], erase: FromDishka[EraseNumber]
) -> Response[wire.Erasure]:
    """Erases every call whose caller or receiver is the number, with its audio, transcript and events; those on a legal
    hold stay and are told in the receipt."""
    if data.dry_run:
        preview = await erase.preview(data.number, actor_of(request))
        return Response(wire.Erasure.of(preview, dry_run=True), status_code=200)
    receipt = await receipting(request, _ordered)
    return _ordered(await erase.order(data.number, actor_of(request), receipt))


def _ordered(erasure: Erasure) -> Response[wire.Erasure]:
    return Response(wire.Erasure.of(erasure), status_code=202, headers={"Location": f"/erasures/{erasure.id}"})


@get("/erasures/{erasure_id:uuid}", operation_class=operation(), responses=problems(404), summary="Get a receipt")
async def get_erasure(erasure_id: FromPath[UUID], erasures: FromDishka[Erasures]) -> wire.Erasure:
    """It is finished when *finished_at* is set."""
    return wire.Erasure.of(await erasures.get(ErasureId(erasure_id)))


governance_router = DishkaRouter(
    "/",
    route_handlers=[place_hold, lift_hold, place_holds, order_erasure, get_erasure],
    before_request=refuse_unknown_parameters,
    tags=["governance"],
)
