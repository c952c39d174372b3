"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload) with the extensions in ``EXTENSIONS``."""

import base64
import binascii
import hashlib
from collections.abc import AsyncGenerator, Mapping
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

from calls_core.call import CallDetails
from calls_core.errors import FieldError, InvalidInput
from calls_core.ports import Upload, UploadId
from calls_core.recording import CallId
from calls_core.use_cases.receive_recording import UploadLimits
from calls_core.use_cases.resume_upload import ResumeUpload
from calls_http.documentation import BINARY, READS_BODY, operation, problems
from calls_http.idempotency import caller_of
from calls_http.ingest import FIELDS, details_of
from calls_http.problems import ClientGone, ClientTooSlow, HttpRefusal, UnsupportedMediaType
from calls_http.queries import refuse_unknown_parameters

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,checksum,expiration,termination"
ALGORITHMS: Final = ("sha1", "sha256")
CHUNK_TYPE: Final = "application/offset+octet-stream"

IGNORED: Final = frozenset({"filetype", "name", "relativePath", "type"})
"""Metadata that clients in browsers send by themselves."""

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


class UnknownChecksum(HttpRefusal):
    """The checksum is none that is known here."""

    status_code = 400
    code = "unknown-checksum"


class ChecksumMismatch(HttpRefusal):
    """The bytes that arrived are not those of the checksum."""

    status_code = 460
    code = "checksum-mismatch"


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
        raise _invalid("Upload-Length", "is missing: tell how many bytes the file has")
    told = _metadata_in(metadata or "")
    filename = told.pop("filename", None)
    if filename is None:
        raise _invalid("Upload-Metadata/filename", "is missing: name the file, with its extension")
    owner = caller_of(request)
    body = await _body_of(request, checksum) if request.content_type[0] else None
    upload = await uploads.begin(owner, filename, length, _target(told))
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
        raise _invalid("Upload-Offset", "is missing: tell where these bytes begin")
    body = await _body_of(request, checksum)
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


class _Body:
    """The bytes of one request. Without a checksum, those that came before the line broke count too."""

    def __init__(self, request: Request[Any, Any, Any], algorithm: str, digest: bytes) -> None:
        self.has_checksum = bool(algorithm)
        self.broken: Exception | None = None
        self._request = request
        self._hash = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
        self._expected = digest

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._request.stream()) as stream:
                async for chunk in stream:
                    if self._hash is not None:
                        self._hash.update(chunk)
                    yield chunk
        except (ClientGone, ClientTooSlow) as error:
            if self.has_checksum:
                raise
            self.broken = error
        if self._hash is not None and self._hash.digest() != self._expected:
            raise ChecksumMismatch("the bytes of this request are not those of Upload-Checksum; send them again")


async def _appended(uploads: ResumeUpload, owner: str, upload_id: UploadId, offset: int, body: _Body) -> Upload:
    async with aclosing(body.chunks()) as chunks:
        upload = await uploads.append(owner, upload_id, offset, chunks, whole=body.has_checksum)
    if body.broken is not None:
        raise body.broken
    return upload


async def _body_of(request: Request[Any, Any, Any], checksum: str | None) -> _Body:
    if request.content_type[0] != CHUNK_TYPE:
        raise UnsupportedMediaType(f"send the bytes as {CHUNK_TYPE}")
    if checksum is None:
        return _Body(request, "", b"")
    algorithm, _, text = checksum.strip().partition(" ")
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise UnknownChecksum(
            f"Upload-Checksum: send one of {', '.join(ALGORITHMS)}, a space, and the digest in base64"
        )
    return _Body(request, algorithm, digest)


def _metadata_in(text: str) -> dict[str, str]:
    """Return the pairs that a client announces; raise ``InvalidInput`` for what is none or not known."""
    told: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition(" ")
        if name in told:
            raise _invalid(f"Upload-Metadata/{name}", "is given more than once")
        if name not in {"filename", "call_id", *FIELDS, *IGNORED}:
            raise _invalid(f"Upload-Metadata/{name}", f"is not known; known are filename, call_id, {', '.join(FIELDS)}")
        try:
            told[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise _invalid(f"Upload-Metadata/{name}", "must be UTF-8 in base64") from None
    return {name: value for name, value in told.items() if name not in IGNORED}


def _target(told: Mapping[str, str]) -> CallId | CallDetails:
    if "call_id" not in told:
        return details_of({name: [value] for name, value in told.items()})
    if len(told) > 1:
        raise _invalid("Upload-Metadata/call_id", "stands alone: the fields of that call are known")
    try:
        return CallId(UUID(told["call_id"]))
    except ValueError:
        raise _invalid("Upload-Metadata/call_id", "must be the id of a call") from None


def _empty(*, status_code: int, headers: dict[str, str]) -> Response[None]:
    return Response(None, status_code=status_code, headers=headers, media_type=MediaType.TEXT)


def _standing(upload: Upload) -> dict[str, str]:
    told = {"Upload-Offset": str(upload.offset), "Upload-Expires": format_datetime(upload.expires_at, usegmt=True)}
    return told | ({"Content-Location": f"/calls/{upload.call_id}/recording"} if upload.finished else {})


def _invalid(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name}: {why}", [FieldError(f"/{name}", why)])


tus_router = DishkaRouter(
    "/",
    route_handlers=[begin_upload, get_upload, append_to_upload, end_upload],
    before_request=speak_tus,
    middleware=[Resumable()],
    tags=["uploads"],
)
