"""Registering, finding, deleting and reprocessing calls."""

from typing import Any, Final
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from calls_core.call import Call
from calls_core.hearing import Hearing, Hears, call_for
from calls_core.ports import Answer, IntakeState
from calls_core.recording import CallId
from calls_core.search import CallFilter, PageRequest, StatsBucket
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.read_calls import GetCall, SearchCalls, SummarizeCalls
from calls_core.use_cases.register_call import ControlIntake, RegisterCall, Registered
from calls_core.use_cases.reprocess_call import ReprocessCall
from calls_http import wire
from calls_http.access import actor_of
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.idempotency import Idempotent, answering, as_kept, key_of, receipting, replay
from calls_http.queries import FILTERED, PAGED, WITHIN, refuse_unknown_parameters

LOCATION: Final = {"Location": "Where the call is."}
EXISTING: Final = {
    200: ResponseSpec(
        wire.Call, generate_examples=False, description="The call that was registered before with the same content."
    )
}


@post(
    "/calls",
    operation_class=operation(headers={200: LOCATION, 201: LOCATION}, keyed=True),
    responses=problems(409, *READS_BODY) | EXISTING,
    response_description="The new call.",
    summary="Register a call",
)
async def register_call(
    request: Request[Any, Any, Any],
    data: JSONBody[wire.NewCall],
    register: FromDishka[RegisterCall],
    hearing: FromDishka[Hearing],
) -> Response[wire.Call]:
    """Store the details of a call. The same `external_id` and content give the same call again, with 200."""
    key, details = key_of(request), data.details()
    if key is None:
        outcome: Registered | Answer = await register(details)
    else:
        outcome = await register.once(details, await answering(request, key, _created))
    if isinstance(outcome, Answer):
        return replay(outcome)
    if outcome.answer is not None:
        return as_kept(outcome.answer)
    return registered(outcome, hearing.of(request.user), status_code=201)


@get("/calls/{call_id:uuid}", operation_class=operation(), responses=problems(404), summary="Get a call")
async def get_call(
    request: Request[Any, Any, Any], call_id: FromPath[UUID], find: FromDishka[GetCall], hearing: FromDishka[Hearing]
) -> wire.Call:
    return wire.Call.of(await find(CallId(call_id), hearing.of(request.user)))


@get("/calls", dependencies=FILTERED | PAGED, operation_class=operation(), responses=problems(), summary="Find calls")
async def list_calls(
    request: Request[Any, Any, Any],
    wanted: NamedDependency[CallFilter],
    page: NamedDependency[PageRequest],
    search: FromDishka[SearchCalls],
    hearing: FromDishka[Hearing],
) -> wire.CallPage:
    """List the calls that fit all filters. Follow `next_cursor` until it is null; `offset` gets slow far down."""
    return wire.CallPage.of(await search(wanted, page, hearing.of(request.user)))


@delete("/calls/{call_id:uuid}", operation_class=operation(), responses=problems(404, 409), summary="Delete a call")
async def delete_call(request: Request[Any, Any, Any], call_id: FromPath[UUID], erase: FromDishka[EraseCall]) -> None:
    """Remove the call with its recording and everything found in it; a receipt stays in the audit log."""
    await erase(CallId(call_id), actor_of(request))


@post(
    "/calls/{call_id:uuid}/reprocess",
    status_code=202,
    middleware=[Idempotent()],
    operation_class=operation(body_required=False, keyed=True),
    responses=problems(404, 409, 410, *READS_BODY),
    summary="Process a recording again",
)
async def reprocess_call(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    reprocess: FromDishka[ReprocessCall],
    data: JSONBody[wire.Reprocess | None] = None,
) -> wire.Call:
    """Run the steps that failed or are new, or those named; what is done runs again only with `force`."""
    wanted = data or wire.Reprocess()
    receipt = await receipting(request, _reprocessing)
    return wire.Call.of(await reprocess(CallId(call_id), wanted.analyzers, force=wanted.force, receipting=receipt))


@get("/calls/stats", dependencies=WITHIN, operation_class=operation(), responses=problems(), summary="Count calls")
async def summarize_calls(
    wanted: NamedDependency[CallFilter],
    summarize: FromDishka[SummarizeCalls],
    bucket: FromQuery[StatsBucket] = StatsBucket.DAY,
) -> wire.Stats:
    """Calls per hour or day (UTC) with their durations and the share of silence."""
    return wire.Stats.of(await summarize(wanted, bucket), bucket)


@get("/intake", operation_class=operation(), responses=problems(), summary="Are new calls accepted?")
async def get_intake(intake: FromDishka[ControlIntake]) -> wire.Intake:
    return wire.Intake.of(await intake.state())


@put("/intake", operation_class=operation(), responses=problems(*READS_BODY), summary="Pause or resume the intake")
async def set_intake(data: JSONBody[wire.Intake], intake: FromDishka[ControlIntake]) -> wire.Intake:
    """While the intake is off, creating calls answers 503 `intake-paused`, on every replica and over restarts."""
    return wire.Intake.of(await intake.set(IntakeState(accepting=data.accepting, reason=data.reason)))


def registered(outcome: Registered, hears: Hears, *, status_code: int) -> Response[wire.Call]:
    """Answer with the call: with *status_code* when it is new, else with 200."""
    return of_new(call_for(outcome.call, hears), status_code=status_code if outcome.is_new else 200)


def of_new(call: Call, *, status_code: int) -> Response[wire.Call]:
    return Response(wire.Call.of(call), status_code=status_code, headers={"Location": f"/calls/{call.id}"})


def _created(call: Call) -> Response[wire.Call]:
    return of_new(call, status_code=201)


def _reprocessing(call: Call) -> Response[wire.Call]:
    return Response(wire.Call.of(call), status_code=202)


calls_router = DishkaRouter(
    "/",
    route_handlers=[
        register_call,
        get_call,
        list_calls,
        delete_call,
        reprocess_call,
        summarize_calls,
        get_intake,
        set_intake,
    ],
    before_request=refuse_unknown_parameters,
    tags=["calls"],
)
