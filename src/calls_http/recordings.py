"""Taking recordings in, and telling what is known of them."""

from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, get, post, put
from litestar.datastructures import CacheControlHeader
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, HeaderParameter, QueryParameter

from calls_core.errors import FieldError, InvalidInput, PresignedUrlsUnavailable
from calls_core.hearing import Hearing
from calls_core.recording import CallId, Recording
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.read_calls import GetRecording
from calls_http import wire
from calls_http.access import QUOTED
from calls_http.digests import announced_sha256
from calls_http.documentation import BINARY, READS_BODY, operation, problems
from calls_http.filenames import filename_in
from calls_http.idempotency import Idempotent, is_keyed, receipting
from calls_http.problems import HttpRefusal
from calls_http.queries import MediaToken, refuse_unknown_parameters
from calls_http.uploads import FILE, UploadForm

FORM = Schema(type=OpenAPIType.OBJECT, required=[FILE], properties={FILE: BINARY}, additional_properties=False)


class PartialPut(HttpRefusal):
    """A recording cannot be sent in parts by PUT."""

    status_code = 400
    code = "partial-put"


@post(
    "/calls/{call_id:uuid}/recording",
    status_code=202,
    middleware=[Idempotent()],
    operation_class=operation(body={"multipart/form-data": FORM}, keyed=True),
    responses=problems(404, 409, 410, *READS_BODY),
    response_description="The recording is kept and will be processed, whatever happens.",
    summary="Upload the recording of a call",
)
async def attach_recording(
    request: Request[Any, Any, Any], call_id: FromPath[UUID], attach: FromDishka[AttachRecording]
) -> wire.Recording:
    """Send the audio as the form's `file`. The answer comes when the bytes are durable."""
    async with UploadForm(request, digest=is_keyed(request)) as form:
        filename = await form.open()
        receipt = await receipting(request, _accepted, (form, filename))
        return wire.Recording.of(await attach(CallId(call_id), filename, form.chunks(), receipting=receipt))


def _accepted(recording: Recording) -> Response[wire.Recording]:
    return Response(wire.Recording.of(recording), status_code=202)


@put(
    "/calls/{call_id:uuid}/recording",
    status_code=202,
    operation_class=operation(body={"application/octet-stream": BINARY}),
    responses=problems(404, 409, 410, *READS_BODY),
    response_description="The recording is kept and will be processed, whatever happens.",
    summary="Upload the recording of a call as the bare body",
)
async def put_recording(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    attach: FromDishka[AttachRecording],
    filename: Annotated[str | None, QueryParameter(description="The name of the file, with its extension.")] = None,
    disposition: Annotated[
        str | None, HeaderParameter(name="Content-Disposition", description="Another way to give the file name.")
    ] = None,
    content_digest: Annotated[
        str | None, HeaderParameter(name="Content-Digest", description="`sha-256=:BASE64:` is checked (RFC 9530).")
    ] = None,
    repr_digest: Annotated[
        str | None, HeaderParameter(name="Repr-Digest", description="`sha-256=:BASE64:` is checked (RFC 9530).")
    ] = None,
) -> wire.Recording:
    """The fastest way in. Name the file in the query or in `Content-Disposition`."""
    if "content-range" in request.headers:
        raise PartialPut("send the whole recording at once")
    name = filename if filename is not None else filename_in(disposition or "")
    if name is None:
        why = "is missing: name the file, as in ?filename=call.wav"
        raise InvalidInput(f"filename: {why}", [FieldError("/filename", why)])
    sha256 = announced_sha256(content_digest, repr_digest)
    async with aclosing(request.stream()) as body:
        return wire.Recording.of(await attach(CallId(call_id), name, body, sha256))


@get(
    "/calls/{call_id:uuid}/recording",
    operation_class=operation(),
    responses=problems(404),
    summary="Get what is known of a recording",
)
async def get_recording(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
) -> wire.Recording:
    """Whoever may not hear the original gets what is redacted: no facts, no words, and the size and digest of the audio
    that they may hear."""
    recording = await find(CallId(call_id), hearing.of(request.user))
    if recording.transcript is not None:
        request.scope["state"][QUOTED] = True
    return wire.Recording.of(recording)


@get(
    "/calls/{call_id:uuid}/recording/waveform",
    operation_class=operation(),
    responses=problems(404),
    summary="Get the waveform of a recording",
)
async def get_waveform(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
    pixels: Annotated[int, QueryParameter(ge=1, le=100_000, description="At most so many points.")] = 1800,
    media_token: MediaToken = None,  # noqa: ARG001 (the gate has read it)
) -> wire.Waveform:
    return wire.Waveform.of(await find.waveform(CallId(call_id), pixels, hearing.of(request.user)))


@get(
    "/calls/{call_id:uuid}/download",
    cache_control=CacheControlHeader(no_store=True),  # the address is a key to the audio
    operation_class=operation(),
    responses=problems(404, 410, 501),
    summary="Get an address to download the audio from",
)
async def get_download(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
    media_token: MediaToken = None,  # noqa: ARG001 (the gate has read it)
) -> wire.Download:
    """Only where recordings are kept in S3; everywhere else 501 tells the path of the audio."""
    try:
        return wire.Download.of(await find.download_url(CallId(call_id), hearing.of(request.user)))
    except PresignedUrlsUnavailable as error:
        instead = f"recordings are not kept in S3 here; get the audio from /calls/{call_id}/recording/audio"
        raise PresignedUrlsUnavailable(instead) from error


uploads_router = DishkaRouter(
    "/",
    route_handlers=[attach_recording, put_recording, get_recording],  # of one path, so of one router
    before_request=refuse_unknown_parameters,
    tags=["recordings"],
)
recordings_router = DishkaRouter(
    "/",
    route_handlers=[get_waveform, get_download],
    before_request=refuse_unknown_parameters,
    tags=["recordings"],
)
