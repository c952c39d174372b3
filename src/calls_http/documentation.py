"""What the OpenAPI document says beyond what annotations tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from calls_http.problems import MEDIA_TYPE
from calls_http.wire import Problem

TEXT: Final = Schema(type=OpenAPIType.STRING)
BINARY: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)

_JSON_SCHEMA_NAMES: Final = {"min_length": "minLength", "max_length": "maxLength", "max_items": "maxItems"}

ALWAYS: Final = (400, 422, 500, 503)
CLOSED: Final = (401, 403)

WHY: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "The request does not say who sends it, or cannot prove it.",
    403: "Your rights do not reach that far.",
    404: "No such thing, or it has nothing of this kind.",
    408: "The body came in too slowly.",
    409: "The request does not fit the present state.",
    410: "It was cleared away: an upload that took too long, or what is not kept any more.",
    412: "The version of tus is not 1.0.0; see Tus-Version.",
    413: "The body is larger than this service accepts.",
    415: "The media type of the body is not accepted.",
    416: "The range lies outside of the recording.",
    422: "The request is understood and refused; errors name the fields.",
    429: "Too many attempts; see Retry-After.",
    460: "The bytes are not those of the checksum; none was kept.",
    500: "A fault of the service.",
    501: "This installation cannot do it.",
    503: "A part behind the service is down, or new calls are not accepted at the moment; see Retry-After.",
}

_KEY: Final = Parameter(
    name="Idempotency-Key",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING, pattern='^("[!#-\\[\\]-~]{1,128}"|[!#-\\[\\]-~]{1,128})$'),
    description="The same key with the same request is answered as the first time, for 24 hours.",
)
_REPLAYED: Final = {"Idempotency-Replayed": "`true` when this was answered before."}
_WHEN_KEYED: Final[Mapping[str, Mapping[str, str]]] = {
    "201": _REPLAYED,
    "202": _REPLAYED,
    "409": {"Retry-After": "Seconds to wait, when a request with this key is being answered."},
}

READS_BODY: Final = (408, 413, 415)


def problems(*statuses: int, is_open: bool = False) -> dict[int, ResponseSpec]:
    """Return the documentation of these problems, and of those that every operation may answer with.

    One that *is_open* refuses nobody.
    """
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=WHY[status], media_type=MEDIA_TYPE)
        for status in sorted({*statuses, *ALWAYS, *(() if is_open else CLOSED)})
    }


def operation(
    *,
    body: Mapping[str, Schema] | None = None,
    body_required: bool = True,
    contents: Mapping[int, Mapping[str, Schema | Reference] | None] | None = None,
    headers: Mapping[int, Mapping[str, str]] | None = None,
    parameters: Sequence[Parameter] = (),
    keyed: bool = False,
) -> type[Operation]:
    """Return an operation class for a handler whose bodies or headers its signature does not show.

    *body* gives the request's schema by media type; *contents* an answer's by status and media type (None: no body);
    *headers* the sentences about an answer's headers, by status and name; *parameters* those that
    are read elsewhere. *keyed* is whether it takes part in
    ``calls_http.idempotency``.
    """

    @dataclass
    class Documented(Operation):
        def to_schema(self) -> dict[str, Any]:
            if body is not None:
                self.request_body = RequestBody(required=body_required, content=_content(body))
            elif isinstance(self.request_body, RequestBody):
                self.request_body.required = body_required
            if added := [*parameters, *([_KEY] if keyed else [])]:
                self.parameters = [*(self.parameters or []), *added]
            responses = self.responses or {}
            for status, content in (contents or {}).items():
                found = responses.setdefault(str(status), OpenAPIResponse(description=HTTPStatus(status).description))
                assert isinstance(found, OpenAPIResponse)  # noqa: S101 (Litestar makes no references here)
                found.content = None if content is None else _content(content)
            for key, response in responses.items():
                assert isinstance(response, OpenAPIResponse)  # noqa: S101
                sentences = {"X-Request-ID": "The id of this request in the log."}
                sentences |= {"Retry-After": "Seconds to wait before the next try."} if key in {"429", "503"} else {}
                sentences |= _WHEN_KEYED.get(key, {}) if keyed else {}
                sentences |= (headers or {}).get(int(key), {})
                shown = {name: OpenAPIHeader(schema=TEXT, description=text) for name, text in sentences.items()}
                response.headers = {**(response.headers or {}), **shown}
            return super().to_schema()

    return Documented


def _content(schemas: Mapping[str, Schema] | Mapping[str, Schema | Reference]) -> dict[str, OpenAPIMediaType]:
    return {media_type: OpenAPIMediaType(schema=schema) for media_type, schema in schemas.items()}


def fields_of(struct: type[msgspec.Struct]) -> tuple[dict[str, Any], list[str]]:
    """Return the properties of *struct* as JSON schemas, and which of them are required."""
    _, components = msgspec.json.schema_components([struct], ref_template="#/components/schemas/{name}")
    described = components[struct.__name__]
    return _with_limits(described["properties"]), described["required"]


def _with_limits(schema: Any) -> Any:  # noqa: ANN401 (JSON)
    """Put what Litestar reads as extra where JSON Schema has it."""
    if isinstance(schema, list):
        return [_with_limits(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    limits = {_JSON_SCHEMA_NAMES.get(name, name): limit for name, limit in schema.get("extra", {}).items()}
    return {name: _with_limits(value) for name, value in schema.items() if name != "extra"} | limits


class StrictInputs(OpenAPISchemaPlugin):
    """Tells that structs which refuse unknown fields do so."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        kind = field_definition.annotation
        return (
            isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_config__.forbid_unknown_fields
        )

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:  # noqa: ANN401 (Litestar keeps its type private)
        others = (p for p in schema_creator.plugins if isinstance(p, OpenAPISchemaPlugin) and p is not self)
        for plugin in others:
            if plugin.is_plugin_supported_field(field_definition):
                schema: Schema = plugin.to_openapi_schema(field_definition, schema_creator)
                schema.additional_properties = False
                return schema
        raise LookupError(f"nobody describes {field_definition.annotation}")
