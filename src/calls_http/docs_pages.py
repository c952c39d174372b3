"""``/openapi.json``, and the pages that show it: Swagger UI and ReDoc, with scripts served by us."""

import secrets
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import RedocRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.params import FromPath
from litestar.response import File

from calls_http.access import OPEN

PACKAGE: Final = "calls-service"
ASSETS_PATH: Final = "/docs/assets"
ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
}
BEARER: Final = "bearer"
_BEARER: Final = SecurityScheme(
    type="http", scheme="bearer", description="An access token of POST /auth/login, or an API key."
)
NO_FAVICON: Final = "<link rel='icon' href='data:,'>"
"""Otherwise the pages load one from a content delivery network."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Both pages make style sheets as they run; their scripts are ours, or bear the nonce of the answer."""

DESCRIPTION: Final = """\
Takes phone calls and their recordings in, loses none, measures them in the background, and finds them
again.

Times are RFC 3339 in UTC. Whatever is refused is told as a problem (RFC 9457), `application/problem+json`; the end of
its `type` is a code that never changes. Parameters that are not documented here are refused.
"""


def openapi_config(title: str, *, accounts: bool) -> OpenAPIConfig:
    """Return what makes the document, and Swagger UI at ``/docs``. With *accounts*, it asks for a token."""
    return OpenAPIConfig(
        title=title,
        version=installed_version(),
        description=DESCRIPTION,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, opt=OPEN, after_request=_guarded),
        render_plugins=[
            SwaggerRenderPlugin(
                path="/",
                js_url=f"{ASSETS_PATH}/swagger-ui-bundle.js",
                css_url=f"{ASSETS_PATH}/swagger-ui.css",
                standalone_preset_js_url=f"{ASSETS_PATH}/swagger-ui-standalone-preset.js",
                favicon=NO_FAVICON,
            )
        ],
        components=Components(security_schemes={BEARER: _BEARER} if accounts else {}),
        security=[{BEARER: []}] if accounts else None,
        tags=[
            Tag(name="calls", description="Phone calls as business systems know them."),
            Tag(name="recordings", description="Their audio, and what was found in it."),
            Tag(name="accounts", description="Who may do what, and who did."),
            Tag(name="operations", description="For those who run the service."),
        ],
    )


def installed_version() -> str:
    """Return the version of the installed package; a source tree that is not installed has none."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "0+source"


def _guarded(response: Response[bytes]) -> Response[bytes]:
    """Let no other scripts run in the page than those that it came with."""
    nonce = secrets.token_urlsafe(16)
    response.content = response.content.replace(b"<script", f'<script nonce="{nonce}"'.encode())
    response.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
    return response


def _operation_id(handler: HTTPRouteHandler, _method: object, _path: object) -> str:
    return handler.handler_name


def _document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the document, made once: it takes longer than any request should."""
    state = request.app.state
    if "openapi" not in state:
        state["openapi"] = request.app.openapi_schema.to_schema()
    document: dict[str, Any] = state["openapi"]
    return document


@get("/openapi.json", opt=OPEN, sync_to_thread=False)
def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    return Response(msgspec.json.encode(_document(request)), media_type="application/vnd.oai.openapi+json")


@get("/redoc", opt=OPEN, media_type="text/html", after_request=_guarded, sync_to_thread=False)
def get_redoc(request: Request[Any, Any, Any]) -> bytes:
    page = RedocRenderPlugin(js_url=f"{ASSETS_PATH}/redoc.standalone.js", google_fonts=False, favicon=NO_FAVICON)
    return page.render(request, _document(request))


@get(f"{ASSETS_PATH}/{{name:str}}", opt=OPEN, sync_to_thread=False)
def get_asset(name: FromPath[str]) -> File:
    path = Path(str(files("calls_http") / "static" / "docs" / name)) if name in ASSETS else None
    if path is None or not path.is_file():
        raise NotFoundException("no such file; in a source tree, installing the package puts the scripts there")
    return File(path, media_type=ASSETS[name], content_disposition_type="inline")


docs_router = Router("/", route_handlers=[get_openapi, get_redoc, get_asset], include_in_schema=False)
