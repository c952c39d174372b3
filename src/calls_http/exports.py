"""Archives of many calls: ordered, made in the background, fetched when they are done."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse

from calls_core.errors import FieldError, InvalidQuery
from calls_core.exports import Export, ExportId
from calls_core.hearing import Hearing
from calls_core.recording import CallId
from calls_core.search import CallFilter
from calls_core.use_cases.order_export import FetchExport, OrderExport
from calls_http import wire
from calls_http.access import actor_of
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.idempotency import Idempotent, receipting
from calls_http.partial import Asked, Content, IfNoneMatch, IfRange, Range, served
from calls_http.queries import MediaToken, refuse_unknown_parameters

ZIP: Final = "application/zip"


@post(
    "/exports",
    status_code=202,
    middleware=[Idempotent()],
    operation_class=operation(headers={202: {"Location": "Where its state is."}}, keyed=True),
    responses=problems(409, *READS_BODY),
    response_description="The archive will be made.",
    summary="Order an archive of recordings",
)
async def order_export(
    request: Request[Any, Any, Any],
    data: JSONBody[wire.NewExport],
    order: FromDishka[OrderExport],
    hearing: FromDishka[Hearing],
) -> Response[wire.Export]:
    """A ZIP archive with audio, transcripts and metadata of the calls that fit the filter, or of those named; and a
    `manifest.csv` that tells which file is whose. Look at the `Location` until it is done."""
    if data.filter is not None and data.call_ids:
        why = "name calls or give a filter, not both"
        raise InvalidQuery(f"call_ids: {why}", [FieldError("/call_ids", why)])
    wanted = data.filter.checked() if data.filter else CallFilter()
    receipt = await receipting(request, _ordered)
    call_ids = [CallId(key) for key in data.call_ids]
    return _ordered(await order(wanted, call_ids, data.contents, hearing.of(request.user), actor_of(request), receipt))


def _ordered(export: Export) -> Response[wire.Export]:
    return Response(wire.Export.of(export), status_code=202, headers={"Location": f"/exports/{export.id}"})


@get("/exports", operation_class=operation(), responses=problems(), summary="List your exports")
async def list_exports(request: Request[Any, Any, Any], fetch: FromDishka[FetchExport]) -> wire.ExportList:
    """The latest hundred; an admin sees those of everybody."""
    return wire.ExportList.of(await fetch.latest(request.user))


@get("/exports/{export_id:uuid}", operation_class=operation(), responses=problems(404), summary="Look at an export")
async def get_export(
    request: Request[Any, Any, Any], export_id: FromPath[UUID], fetch: FromDishka[FetchExport]
) -> wire.Export:
    return wire.Export.of(await fetch(ExportId(export_id), request.user))


@delete("/exports/{export_id:uuid}", operation_class=operation(), responses=problems(404), summary="Remove an export")
async def remove_export(
    request: Request[Any, Any, Any], export_id: FromPath[UUID], fetch: FromDishka[FetchExport]
) -> None:
    """Its archive goes with it; one that is being made is not made any further."""
    await fetch.remove(ExportId(export_id), request.user)


@served(
    "/exports/{export_id:uuid}/download",
    name="archive",
    media_types=(ZIP,),
    refusals=(404, 409, 410),
    summary="Download an archive",
    what="The archive.",
)
async def get_archive(
    request: Request[Any, Any, Any],
    export_id: FromPath[UUID],
    fetch: FromDishka[FetchExport],
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
    media_token: MediaToken = None,  # noqa: ARG001 (the gate has read it)
) -> ASGIResponse:
    export = await fetch(ExportId(export_id), request.user)
    archive = export.finished_archive
    content = Content(
        filename=f"calls-{export.created_at:%Y-%m-%d}-{str(export.id)[-8:]}.zip",
        media_type=ZIP,
        size_bytes=archive.size_bytes,
        sha256=archive.sha256,
        pieces=partial(fetch.archive, archive),
    )
    return content.answer(Asked(request.method, range_, if_range, if_none_match))


exports_router = DishkaRouter(
    "/",
    route_handlers=[order_export, list_exports, get_export, remove_export, get_archive],
    before_request=refuse_unknown_parameters,
    tags=["exports"],
)
