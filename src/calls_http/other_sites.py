"""Pages of other sites, which work with the browser of somebody who reaches us: whatever that person may, they could.

Where there are accounts, only cookies are in danger. Where there are none, being reachable is the whole permission, and
a browser lends it to every page that it shows: by sending forms and blobs across sites, and by DNS rebinding, where the
name of the page's own site is made to point at us, so that the browser lets the page read our answers too.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request

from calls_core.errors import Forbidden, UnknownHost

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

PRIVATE: Final = (".localhost", ".local", ".internal", ".home.arpa", ".test")
"""Endings that nobody can register: RFC 6761, RFC 6762, RFC 8375, and what ICANN reserved in 2024."""


def refuse_other_sites(request: Request[Any, Any, Any]) -> None:
    """Refuse what a page of somebody else makes a browser send.

    Raises:
        Forbidden: the request comes from another site or another host.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_other = site not in {"same-origin", "none"} if site else origin and not _is_of(origin, request.url.netloc)
    if is_other:
        raise Forbidden("this request was sent by the page of another site")


def require_own_site(request: Request[Any, Any, Any], names: frozenset[str] | None) -> None:
    """Return if no page of another site can have made *request*, given that it carries no credential.

    *names* are the public names of this service; None means that something in front of it looks who comes.

    Raises:
        UnknownHost: it asks for a name that is not ours.
        Forbidden: it would change something, and comes from another site.
    """
    host = request.headers.get("host", "")
    if names is not None and not _is_ours(host, names):
        raise UnknownHost(
            "without accounts only addresses, private names and that of PUBLIC_BASE_URL are answered: anybody's page "
            "could come under another name. Set PUBLIC_BASE_URL, or AUTH_ENABLED=true"
        )
    if request.method not in READING:
        refuse_other_sites(request)


def _is_of(origin: str, netloc: str) -> bool:
    try:
        return urlsplit(origin).netloc == netloc
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _is_ours(host: str, names: frozenset[str]) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    if "." not in name.strip(".") and ":" not in name:  # nor are names of one label anybody's to register
        return True
    return name in names or name.endswith(PRIVATE) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
