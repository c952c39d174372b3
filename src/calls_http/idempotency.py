"""``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header-07): a request that is repeated is answered once.

A route takes part by ``middleware=[Idempotent()]`` and ``operation(keyed=True)``, and hands what ``receipting`` gives
to its use case, which keeps the answer together with what it makes. One that makes its thing in a single statement
needs no claim before: it looks for ``key_of`` itself, and hands over what ``answering`` gives. Requests without the
header cost nothing more.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType, RequestEncodingType, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.serialization import encode_json
from litestar.types import ASGIApp, Receive, Scope, Send

from calls_core.errors import FieldError, InvalidInput
from calls_core.ports import Answer, Answering, KeyClaim, KeyedAnswer, Receipt, Receipting
from calls_core.use_cases.answer_once import AnswerOnce, require_same
from calls_http.bodies import PacedRequest, is_json
from calls_http.uploads import UploadForm

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"

_RAW_HEADER: Final = HEADER.lower().encode()
_KEY: Final = re.compile(r'"(?P<quoted>[!#-\[\]-~]{1,128})"|(?P<bare>[!#-\[\]-~]{1,128})')
_CLAIM: Final = "idempotency_claim"

T = TypeVar("T")


class Idempotent(ASGIMiddleware):
    """Answers a repetition with what was answered before; *form_fields* are those of the route's form."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, form_fields: Collection[str] = ()) -> None:
        self._form_fields = form_fields

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request = PacedRequest(scope, receive, send)
        key = key_of(request)
        if key is None:
            await next_app(scope, receive, send)
            return
        async with _claimed(request, key) as found:
            if isinstance(found, KeyClaim):
                scope["state"][_CLAIM] = found
                await next_app(scope, receive, send)
                return
            require_same(found, await self._payload_of(request))
            await replay(found).to_asgi_response(None, request)(scope, receive, send)

    async def _payload_of(self, request: PacedRequest) -> str:
        if not _is_form(request):
            return await _json_payload(request)
        async with UploadForm(request, accepted=self._form_fields, digest=True) as form:
            filename = await form.open()
            async for _ in form.chunks():
                pass
            return _form_payload(request, form, filename)


def caller_of(request: Request[Any, Any, Any]) -> str:
    """Return who asks, for telling callers apart: the id of the principal that the gate has found."""
    return str(request.user.id)


def is_keyed(request: Request[Any, Any, Any]) -> bool:
    return _CLAIM in request.scope["state"]


async def receipting(
    request: Request[Any, Any, Any], answered: Callable[[T], Response[Any]], form: tuple[UploadForm, str] | None = None
) -> Receipting[T] | None:
    """Return what makes the receipt of a thing, of what *answered* answers with; None for a request without a key.

    Without a *form* and the name of its file, the request is JSON.
    """
    claim: KeyClaim | None = request.scope["state"].get(_CLAIM)
    if claim is None:
        return None
    json_payload = await _json_payload(request) if form is None else ""

    def made(thing: T) -> Receipt:
        payload = json_payload if form is None else _form_payload(request, *form)
        return Receipt(claim, _kept(answered(thing), payload))

    return made


async def answering(request: Request[Any, Any, Any], key: str, answered: Callable[[T], Response[Any]]) -> Answering[T]:
    """Return what makes the answer to a request in JSON whose *key* is claimed by storing it."""
    payload, owner = await _json_payload(request), caller_of(request)
    return lambda thing: KeyedAnswer(owner, key, _kept(answered(thing), payload))


def _kept(response: Response[Any], payload_sha256: str) -> Answer:
    return Answer(
        payload_sha256=payload_sha256,
        status=response.status_code or 200,
        location=response.headers.get("Location"),
        body=encode_json(response.content).decode(),
    )


@asynccontextmanager
async def _claimed(request: PacedRequest, key: str) -> AsyncIterator[KeyClaim | Answer]:
    answer_once = await request.app.state.dishka_container.get(AnswerOnce)
    async with answer_once(caller_of(request), key) as found:
        yield found


def key_of(request: Request[Any, Any, Any]) -> str | None:
    """Return the key that came with a request, if there is one.

    Raises:
        InvalidInput: it does not look like one.
    """
    offered = [value for name, value in request.scope["headers"] if name == _RAW_HEADER]
    if not offered:
        return None
    match = _KEY.fullmatch(offered[0].decode("latin-1").strip())
    if len(offered) > 1 or match is None:
        why = "must be one text of 1 to 128 visible ASCII characters, with or without double quotes around it"
        raise InvalidInput(f"{HEADER}: {why}", [FieldError(f"/{HEADER}", why)])
    return match["quoted"] or match["bare"]


def _is_form(request: Request[Any, Any, Any]) -> bool:
    return request.content_type[0] == RequestEncodingType.MULTI_PART


async def _json_payload(request: Request[Any, Any, Any]) -> str:
    """Return the hash of the JSON that came, whatever the order of its fields."""
    media_type = request.content_type[0]
    body = await request.body() if not media_type or is_json(media_type) else b""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # which the route refuses in better words
        body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return _hashed(request, body)


def _form_payload(request: Request[Any, Any, Any], form: UploadForm, filename: str) -> str:
    """Return the hash of a form that was read to its end: boundaries differ each time, and so may the order."""
    return _hashed(request, msgspec.json.encode([filename, form.sha256, sorted(form.fields.items())]))


def _hashed(request: Request[Any, Any, Any], payload: bytes) -> str:
    return hashlib.sha256(request.scope["path"].encode() + b"\n" + payload).hexdigest()


def replay(answer: Answer) -> Response[Any]:
    response = as_kept(answer)
    # What was answered may be a secret, whatever its route says of caches.
    response.headers |= {REPLAYED: "true", "Cache-Control": "no-store"}
    return response


def as_kept(answer: Answer) -> Response[Any]:
    """Answer the first request with the very text that its repetitions will get: it is encoded once."""
    headers = {"Location": answer.location} if answer.location else {}
    return Response(answer.body.encode(), status_code=answer.status, headers=headers, media_type=MediaType.JSON)
