"""A call and its recording in one request: uploaded with it, or fetched by us."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, post
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import JSONBody

from calls_core.call import Call, CallDetails
from calls_core.errors import FieldError, InvalidInput
from calls_core.hearing import Hearing
from calls_core.job import PullSource
from calls_core.use_cases.check_ingest import CheckIngest
from calls_core.use_cases.ingest_call import IngestCall, PullCall
from calls_http import wire
from calls_http.bodies import converted, decoded_json, is_json
from calls_http.calls import EXISTING, LOCATION, of_new, registered
from calls_http.documentation import BINARY, READS_BODY, TEXT, fields_of, operation, problems
from calls_http.idempotency import Idempotent, is_keyed, receipting
from calls_http.problems import MalformedBody, UnsupportedMediaType
from calls_http.queries import refuse_unknown_parameters
from calls_http.uploads import FILE, UploadForm
from calls_http.wire.calls import URL_LIMIT

FIELDS: Final = tuple(wire.NewCall.__struct_fields__)

_TAGS_FIELD: Final = "Repeat the field, separate tags by commas, or send a JSON array of strings."
_METADATA_FIELD: Final = "A JSON object as text."


def _form_schema() -> Schema:
    properties, required = fields_of(wire.NewCall)
    tags = Schema(type=OpenAPIType.ARRAY, items=TEXT, description=_TAGS_FIELD)
    metadata = Schema(type=OpenAPIType.STRING, description=_METADATA_FIELD, content_media_type="application/json")
    texts: dict[str, Any] = {name: _without_null(schema) for name, schema in properties.items()}
    return Schema(
        type=OpenAPIType.OBJECT,
        required=[*required, FILE],
        properties={**texts, "tags": tags, "metadata": metadata, FILE: BINARY},
        additional_properties=False,
    )


def _json_schema() -> Schema:
    properties, required = fields_of(wire.PulledCall)
    return Schema(type=OpenAPIType.OBJECT, required=required, properties=properties, additional_properties=False)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A form field is a text or is absent: it cannot be null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


@post(
    "/calls/ingest",
    status_code=202,
    middleware=[Idempotent(FIELDS)],
    operation_class=operation(
        body={"multipart/form-data": _form_schema(), "application/json": _json_schema()},
        headers={200: LOCATION, 202: LOCATION},
        keyed=True,
    ),
    responses=problems(409, 410, *READS_BODY) | EXISTING,
    response_description="The call, whose recording is being processed.",
    summary="Register a call with its recording",
)
async def ingest_call(
    request: Request[Any, Any, Any],
    ingest: FromDishka[IngestCall],
    pull: FromDishka[PullCall],
    hearing: FromDishka[Hearing],
) -> Response[wire.Call]:
    """All or nothing: send the recording as `file` with the fields of the call in any order, or as JSON the
    `recording_url` that we shall fetch it from; a pull that fails for good ends `failed` with the reason."""
    hears = hearing.of(request.user)
    media_type = request.content_type[0]
    if is_json(media_type):
        asked = decoded_json(await request.body(), wire.PulledCall)
        receipt = await receipting(request, _accepted)
        return registered(await pull(asked.details(), _source(asked), receipt), hears, status_code=202)
    if not media_type.startswith("multipart/"):
        raise UnsupportedMediaType("send multipart/form-data with a file, or application/json with recording_url")
    async with UploadForm(request, accepted=FIELDS, digest=is_keyed(request)) as form:
        filename = await form.open()
        receipt = await receipting(request, _accepted, (form, filename))
        outcome = await ingest(lambda: details_of(form.fields), filename, form.chunks(), receipting=receipt)
    return registered(outcome, hears, status_code=202)


@post(
    "/calls/ingest/check",
    status_code=200,
    operation_class=operation(),
    responses=problems(409, *READS_BODY),
    summary="Ask what an ingest would do",
)
async def check_ingest(data: JSONBody[wire.PromisedCall], check: FromDishka[CheckIngest]) -> wire.Forecast:
    """Nothing is stored. Refusals are those of an ingest; whether the bytes are audio, only processing tells."""
    return wire.Forecast.of(await check(data.details(), data.filename, data.size_bytes, data.sha256))


def _accepted(call: Call) -> Response[wire.Call]:
    return of_new(call, status_code=202)


def details_of(fields: Mapping[str, Sequence[str]]) -> CallDetails:
    """Return the call that the form fields describe.

    Raises:
        InvalidInput: they do not.
    """
    texts: dict[str, Any] = {}
    for name, values in fields.items():
        if name == "tags":
            texts[name] = list(_tags(values))
        elif len(values) > 1:
            raise _invalid(name, "is given more than once")
        elif name == "metadata":
            texts[name] = _json(name, values[0])
        elif values[0] or name in {"caller", "receiver", "started_at"}:
            texts[name] = values[0]
    return converted(texts, wire.NewCall).details()


def _tags(values: Iterable[str]) -> Iterator[object]:
    for value in values:
        if value.lstrip().startswith("["):
            yield from _json("tags", value)
        else:
            yield from (tag for tag in value.split(",") if tag.strip())


def _json(name: str, text: str) -> Any:  # noqa: ANN401 (JSON)
    try:
        return decoded_json(text.encode(), dict[str, Any] if name == "metadata" else list[Any])
    except (InvalidInput, MalformedBody) as error:
        raise _invalid(name, f"must be JSON: {error}") from error


def _source(asked: wire.PulledCall) -> PullSource:
    """Return where to fetch the recording; whether we may is decided when it is dialled.

    Raises:
        InvalidInput: it is no web address.
    """
    url = asked.recording_url
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web or len(url) > URL_LIMIT or not all("!" <= character <= "~" for character in url):
        raise _invalid("recording_url", f"must be an http or https URL, percent-encoded, up to {URL_LIMIT} characters")
    filename = asked.filename if asked.filename is not None else unquote(parts.path.rsplit("/", 1)[-1])
    return PullSource(url, filename)


def _invalid(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name}: {why}", [FieldError(f"/{name}", why)])


ingest_router = DishkaRouter(
    "/", route_handlers=[ingest_call, check_ingest], before_request=refuse_unknown_parameters, tags=["calls"]
)
