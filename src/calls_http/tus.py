"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload) with the extensions in ``EXTENSIONS``."""

from contextlib import aclosing
from email.utils import format_datetime
from typing import Annotated, Any, Final
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, delete, head, patch, post
from litestar.enums import HttpMethod, MediaType, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.openapi.spec import Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, HeaderParameter
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from calls_core.ports import Upload, UploadId
from calls_core.use_cases.receive_recording import UploadLimits
from calls_core.use_cases.resume_upload import ResumeUpload
from calls_http.documentation import BINARY, READS_BODY, operation, problems
from calls_http.idempotency import caller_of
from calls_http.problems import HttpRefusal
from calls_http.queries import refuse_unknown_parameters
from calls_http.tus_requests import ALGORITHMS, CHUNK_TYPE, Body, body_of, invalid_header, metadata_in, target_of

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,checksum,expiration,termination"

_LONGEST: Final = 2**63 - 1
_BODY: Final = {CHUNK_TYPE: BINARY}
_OFFSETS: Final = {"Upload-Offset": "How many bytes are durable.", "Upload-Expires": "When the rest must have come."}
_FINISHED: Final = {"Content-Location": "The recording, once the upload is complete."}
_RESUMABLE: Final = "Tus-Resumable"
_SPOKEN: Final = Parameter(
    name=_RESUMABLE,
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING, enum=[VERSION]),
    description="The version of the protocol.",
    required=True,
)

Length = Annotated[int | None, HeaderParameter(name="Upload-Length", ge=0, le=_LONGEST, description="Of the file.")]
Offset = Annotated[int | None, HeaderParameter(name="Upload-Offset", ge=0, le=_LONGEST, description="Where it begins.")]
Checksum = Annotated[
    str | None, HeaderParameter(name="Upload-Checksum", description="`sha256 BASE64` or `sha1 BASE64` of this body.")
]
Metadata = Annotated[
    str | None,
    HeaderParameter(
        name="Upload-Metadata",
        description="`filename`, and `call_id` or the fields of a call; each value in base64, pairs after commas.",
    ),
]


class TusVersion(HttpRefusal):
    """Uploads speak tus 1.0.0."""

    status_code = 412
    code = "tus-version"


class Resumable(ASGIMiddleware):
    """Tells the version on every answer, refusals included."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_RESUMABLE.lower().encode(), VERSION.encode())]
            await send(message)

        await next_app(scope, receive, told)


async def speak_tus(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Refuse other versions; tell what is spoken here when asked with OPTIONS."""
    if request.method != HttpMethod.OPTIONS:
        if request.headers.get(_RESUMABLE) != VERSION:
            raise TusVersion(f"send {_RESUMABLE}: {VERSION}", headers={"Tus-Version": VERSION})
        return await refuse_unknown_parameters(request)
    options = await refuse_unknown_parameters(request)
    assert options is not None  # noqa: S101 (it answers OPTIONS)
    limits = await request.app.state.dishka_container.get(UploadLimits)
    options.headers |= {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(limits.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return options


@post(
    "/uploads",
    operation_class=operation(
        parameters=[_SPOKEN],
        body=_BODY,
        body_required=False,
        contents={201: None},
        headers={201: {"Location": "Where to send the bytes.", **_OFFSETS, **_FINISHED}},
    ),
    responses=problems(404, 409, 410, 412, 460, *READS_BODY),
    summary="Begin a resumable upload",
)
async def begin_upload(
    request: Request[Any, Any, Any],
    uploads: FromDishka[ResumeUpload],
    length: Length = None,
    metadata: Metadata = None,
    checksum: Checksum = None,
) -> Response[None]:
    """The first bytes may come along as the body. Lengths that are not known yet cannot be deferred."""
    if length is None:
        raise invalid_header("Upload-Length", "is missing: tell how many bytes the file has")
    told = metadata_in(metadata or "")
    filename = told.pop("filename", None)
    if filename is None:
        raise invalid_header("Upload-Metadata/filename", "is missing: name the file, with its extension")
    owner = caller_of(request)
    body = await body_of(request, checksum) if request.content_type[0] else None
    upload = await uploads.begin(owner, filename, length, target_of(told))
    if body is not None:
        upload = await _appended(uploads, owner, upload.id, 0, body)
    return _empty(status_code=201, headers={"Location": f"/uploads/{upload.id}", **_standing(upload)})


@head(
    "/uploads/{upload_id:uuid}",
    operation_class=operation(
        parameters=[_SPOKEN],
        contents={200: None},
        headers={200: {"Upload-Length": "Of the file.", **_OFFSETS, **_FINISHED}},
    ),
    responses=problems(404, 410, 412),
    summary="Ask how much of an upload is there",
)
async def get_upload(
    request: Request[Any, Any, Any], upload_id: FromPath[UUID], uploads: FromDishka[ResumeUpload]
) -> Response[None]:
    upload = await uploads.find(caller_of(request), UploadId(upload_id))
    headers = {**_standing(upload), "Upload-Length": str(upload.length), "Cache-Control": "no-store"}
    return _empty(status_code=200, headers=headers)


@patch(
    "/uploads/{upload_id:uuid}",
    status_code=204,
    operation_class=operation(
        parameters=[_SPOKEN], body=_BODY, contents={204: None}, headers={204: {**_OFFSETS, **_FINISHED}}
    ),
    responses=problems(404, 409, 410, 412, 460, *READS_BODY),
    summary="Add bytes to an upload",
)
async def append_to_upload(
    request: Request[Any, Any, Any],
    upload_id: FromPath[UUID],
    uploads: FromDishka[ResumeUpload],
    offset: Offset = None,
    checksum: Checksum = None,
) -> Response[None]:
    """What came before the line broke is kept. The last bytes are confirmed when the recording is accepted."""
    if offset is None:
        raise invalid_header("Upload-Offset", "is missing: tell where these bytes begin")
    body = await body_of(request, checksum)
    upload = await _appended(uploads, caller_of(request), UploadId(upload_id), offset, body)
    return _empty(status_code=204, headers=_standing(upload))


@delete(
    "/uploads/{upload_id:uuid}",
    operation_class=operation(
        parameters=[_SPOKEN],
    ),
    responses=problems(404, 410, 412),
    summary="End an upload",
)
async def end_upload(
    request: Request[Any, Any, Any], upload_id: FromPath[UUID], uploads: FromDishka[ResumeUpload]
) -> None:
    """Forget what came of it; a recording that it has become stays."""
    await uploads.remove(caller_of(request), UploadId(upload_id))


async def _appended(uploads: ResumeUpload, owner: str, upload_id: UploadId, offset: int, body: Body) -> Upload:
    async with aclosing(body.chunks()) as chunks:
        upload = await uploads.append(owner, upload_id, offset, chunks, whole=body.has_checksum)
    if body.broken is not None:
        raise body.broken
    return upload


def _empty(*, status_code: int, headers: dict[str, str]) -> Response[None]:
    return Response(None, status_code=status_code, headers=headers, media_type=MediaType.TEXT)


def _standing(upload: Upload) -> dict[str, str]:
    told = {"Upload-Offset": str(upload.offset), "Upload-Expires": format_datetime(upload.expires_at, usegmt=True)}
    return told | ({"Content-Location": f"/calls/{upload.call_id}/recording"} if upload.finished else {})


tus_router = DishkaRouter(
    "/",
    route_handlers=[begin_upload, get_upload, append_to_upload, end_upload],
    before_request=speak_tus,
    middleware=[Resumable()],
    tags=["uploads"],
)
