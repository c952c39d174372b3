"""The web page under ``/ui/``: the files that the build made of ``web/``, and nothing else of the disk."""

import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from calls_http.access import OPEN

PATH: Final = "/ui/"
INDEX: Final = "index.html"
PLACE_OF_NONCE: Final = "__CSP_NONCE__"
ASSETS: Final = "assets/"
"""Names below hold a hash of what they name, so they never change."""
_NO_PLACE: Final = frozenset({"", ".", ".."})
"""Parts of a path that browsers send to nobody: whoever does is looking for a way out."""
FOR_EVER: Final = "public, max-age=31536000, immutable"

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'nonce-{nonce}'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_GUARDS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # addresses of the page hold the numbers that were searched for
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class _PageFile:
    content: bytes
    packed: bytes | None
    media_type: str


def page_folder() -> Path:
    """Return where the build puts the page."""
    return Path(str(files("calls_http") / "static" / "ui"))


@cache
def _page_files(folder: Path) -> Mapping[str, Path]:
    """Map names to files, so that no request ever makes a path of its own."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if not name.endswith((".gz", ".json"))}


@cache
def _read(path: Path) -> _PageFile:
    packed = path.with_name(f"{path.name}.gz")
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    return _PageFile(path.read_bytes(), packed.read_bytes() if packed.is_file() else None, media_type)


def page_router(folder: Path) -> Router:
    """Serve the page that lies in *folder*.

    Paths that look like files are files; all others are places within the page, which finds its way by itself.
    """

    def answer(request: Request[Any, Any, Any], name: str) -> Response[bytes]:
        known = _page_files(folder)
        if name and _NO_PLACE.intersection(name.rstrip("/").split("/")):
            raise NotFoundException("no such place in the page")
        if name != INDEX and (file := known.get(name)):
            return _asset(request, name, _read(file))
        if INDEX not in known:
            raise NotFoundException("the page is not built; in a source tree, installing the package builds it")
        if "." in name.rpartition("/")[2] and name != INDEX:
            raise NotFoundException("no such file of the page")
        return _index(_read(known[INDEX]))

    @get("/ui/{path:path}", opt=OPEN, sync_to_thread=False)
    def get_page(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        return answer(request, path.removeprefix("/"))

    @get("/ui", opt=OPEN, sync_to_thread=False)
    def get_page_start(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, INDEX)

    @get("/", opt=OPEN, sync_to_thread=False)
    def get_start() -> Redirect:
        return Redirect(PATH, status_code=307)

    return Router("/", route_handlers=[get_page, get_page_start, get_start], include_in_schema=False)


def _asset(request: Request[Any, Any, Any], name: str, file: _PageFile) -> Response[bytes]:
    takes_packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": FOR_EVER if name.startswith(ASSETS) else "no-cache",
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    if file.packed and takes_packed:
        headers["Content-Encoding"] = "gzip"
        return Response(file.packed, media_type=file.media_type, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _index(file: _PageFile) -> Response[bytes]:
    """Answer with the page itself, which names the newest assets and holds a nonce for this answer alone."""
    nonce = secrets.token_urlsafe(16)
    policy = "; ".join(f"{name} {sources.format(nonce=nonce)}" for name, sources in _POLICY.items())
    content = file.content.replace(PLACE_OF_NONCE.encode(), nonce.encode())
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy, **_GUARDS}
    return Response(content, media_type="text/html", headers=headers)
