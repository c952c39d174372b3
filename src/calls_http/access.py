"""The gate that every request passes: who sends it, whether they may, and what the audit trail says of it."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Litestar, Request
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import HttpMethod, ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.openapi.spec import SecurityRequirement
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from calls_core import accounts
from calls_core.accounts import ANYBODY, Principal, Role
from calls_core.audit import Action, Actor
from calls_core.errors import Forbidden, NotSignedIn
from calls_core.recording import CallId
from calls_core.search import concealed
from calls_core.use_cases.authenticate import Authenticate
from calls_core.use_cases.keep_audit import KeepAudit
from calls_http.other_sites import require_own_site

_OPEN: Final = "open"
OPEN: Final[dict[str, Any]] = {_OPEN: True}
"""What a route is marked with, as ``opt=OPEN``, that everybody may use."""

ASKS_NOBODY: Final[list[SecurityRequirement]] = [{}]
"""What the document says of such a route."""

NOBODY: Final = Principal(id="nobody", name="nobody")
"""Who asks an open route: it is not even looked who it may be."""

GRANTS: Final = frozenset[str]([*Role, *accounts.Scope])

TOKEN: Final = "token"  # noqa: S105 (the name of a parameter)
NUMBER: Final = "query"
"""The parameter that looks for a number, or for a piece of one."""

LOOK_AGAIN_SEC: Final = 30.0
"""How long an answer may go on, such as a stream of events, before it is asked again whether it still may."""

SUCCESSES: Final = range(200, 300)
SITTING_SEC: Final = 600.0
"""A player asks for range after range: within this time, one entry tells of all of them."""

IN_SITTINGS: Final = frozenset({Action.LISTENED, Action.EXPORT_DOWNLOADED, Action.TRANSCRIPT_READ})
Sitting: TypeAlias = tuple[Actor, Action, str]
"""Who does what, on which path."""


QUOTED: Final = "quoted"
"""What the state of a request has when its answer holds what was said."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of ``access.toml``, which says what its fields mean."""

    may: frozenset[str]
    recorded: Action | None = None
    when_quoted: bool = False
    linked: bool = False


def rules() -> Mapping[str, Rule]:
    """Return who may do what, by the name of the operation.

    Raises:
        LookupError: a row names something that is neither a role nor a scope.
    """
    text = (files("calls_http") / "access.toml").read_bytes()
    found = msgspec.toml.decode(text, type=dict[str, Rule])
    if unknown := frozenset[str]().union(*(rule.may for rule in found.values())) - GRANTS:
        raise LookupError(f"access.toml names {min(unknown)}, which is neither a role nor a scope")
    return found


class Gate(ASGIMiddleware):
    """Sets ``request.user`` to a ``Principal``, or refuses the request."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, names: frozenset[str] | None = frozenset()) -> None:
        self._names = names
        self._rules = rules()
        self._rule_of = cache(lambda handler: self._rules[handler.handler_name])  # Litestar unwraps it to find its name
        self._sittings = _Sittings()

    def require_a_rule_for_each(self, app: Litestar) -> None:
        """Return if every operation is either open or has a rule.

        Raises:
            LookupError: one has neither, or both.
        """
        for route in app.routes:
            for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
                is_automatic = handler.http_methods == {HttpMethod.OPTIONS}
                if not is_automatic and _is_open(handler) == (handler.handler_name in self._rules):
                    raise LookupError(
                        f"{handler.handler_name} ({route.path}) needs a row in access.toml, or else opt=OPEN"
                    )

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request: Request[Any, Any, Any] = Request(scope)
        handler = request.route_handler
        if _is_open(handler) or request.method == HttpMethod.OPTIONS:  # which tells only the methods of a route
            scope["user"] = NOBODY
            await next_app(scope, receive, send)
            return
        rule = self._rule_of(handler)
        scope["user"] = await self._admitted(request, rule)

        def is_recorded() -> bool:
            is_told = rule.recorded is not None and request.method != HttpMethod.HEAD
            return is_told and (not rule.when_quoted or QUOTED in scope["state"])

        clock = asyncio.get_running_loop().time
        looked_at = clock()

        async def watched_send(message: Message) -> None:
            nonlocal looked_at
            if message["type"] == "http.response.start" and is_recorded() and message["status"] in SUCCESSES:
                # Before the first byte leaves: what cannot be recorded is not handed out.
                await self._record(request, rule, _location(message))
            elif message["type"] == "http.response.body" and clock() - looked_at > LOOK_AGAIN_SEC:
                await self._admitted(request, rule)
                looked_at = clock()
            await send(message)

        await next_app(scope, receive, watched_send)

    async def _admitted(self, request: Request[Any, Any, Any], rule: Rule) -> Principal:
        """Return who sends *request*.

        Raises:
            NotSignedIn: nobody knows.
            Forbidden: whoever it is may not.
        """
        principal = await _sender(request, rule)
        if principal is ANYBODY:
            require_own_site(request, self._names)
        if not principal.may(rule.may):
            raise Forbidden(_too_little(principal, rule))
        return principal

    async def _record(self, request: Request[Any, Any, Any], rule: Rule, location: str) -> None:
        assert rule.recorded is not None  # noqa: S101 (for the type checker)
        actor, call_id = actor_of(request), _call_id(request)
        sitting = (actor, rule.recorded, request.url.path)
        if rule.recorded in IN_SITTINGS and self._sittings.goes_on(sitting):
            return
        asked = [(name, value) for name, value in _parameters(request) if name != TOKEN]
        query = urlencode([(name, concealed(value) if name == NUMBER else value) for name, value in asked])
        told = {"query": query} if query else {}
        ids = {name: value for name, value in request.path_params.items() if name.endswith("_id") and name != "call_id"}
        told |= {name.removesuffix("_id"): str(value) for name, value in ids.items()}
        told |= {"made": location} if location else {}
        audit = await request.app.state.dishka_container.get(KeepAudit)
        await audit(rule.recorded, actor, call_id=call_id, details=told)
        self._sittings.begin(sitting)


def _location(message: Message) -> str:
    """Return where the answer says that what was made is."""
    location: str = MutableScopeHeaders.from_message(message).get("location", "")
    return location


class _Sittings:
    """Remembers who is listening to what at the moment, or downloading it, in this process."""

    LIMIT: Final = 10_000

    def __init__(self) -> None:
        self._ends: OrderedDict[Sitting, float] = OrderedDict()

    def goes_on(self, sitting: Sitting) -> bool:
        return asyncio.get_running_loop().time() < self._ends.get(sitting, 0.0)

    def begin(self, sitting: Sitting) -> None:
        self._ends[sitting] = asyncio.get_running_loop().time() + SITTING_SEC
        self._ends.move_to_end(sitting)
        if len(self._ends) > self.LIMIT:
            self._ends.popitem(last=False)


def actor_of(request: Request[Any, Any, Any]) -> Actor:
    """Return who sends *request*, as the audit trail names them."""
    return Actor.of(request.user, address_of(request))


def address_of(request: Request[Any, Any, Any]) -> str | None:
    """Return where *request* comes from. Proxies are believed if uvicorn was told to: ``FORWARDED_ALLOW_IPS``."""
    return request.client.host if request.client else None


def bearer(request: Request[Any, Any, Any]) -> str | None:
    """Return the credential in the header ``Authorization``.

    Raises:
        NotSignedIn: there are several, or it is of another kind.
    """
    given = [value for name, value in request.scope["headers"] if name.lower() == b"authorization"]
    if not given:
        return None
    scheme, _, credential = given[0].decode("latin-1").partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not credential.strip():
        raise NotSignedIn("send one header, as Authorization: Bearer ...")
    return credential.strip()


async def _sender(request: Request[Any, Any, Any], rule: Rule) -> Principal:
    authenticate: Authenticate = await request.app.state.dishka_container.get(Authenticate)
    if not authenticate.accounts.enabled:
        return ANYBODY
    credential, links = bearer(request), [value for name, value in _parameters(request) if name == TOKEN]
    opened = _call_id(request) or request.path_params.get("export_id")
    if not rule.linked or not links or opened is None:
        return await authenticate(credential)
    if credential is not None or len(links) > 1:
        raise NotSignedIn("send one credential: the header Authorization or the parameter token")
    return await authenticate.media(links[0], opened)


def _call_id(request: Request[Any, Any, Any]) -> CallId | None:
    return request.path_params.get("call_id")


def _parameters(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _is_open(handler: HTTPRouteHandler) -> bool:
    return bool(handler.opt.get(_OPEN))


def _too_little(principal: Principal, rule: Rule) -> str:
    roles, scopes = sorted(rule.may & set(Role)), sorted(rule.may & set(accounts.Scope))
    if principal.role is not None:
        return f"this takes the role {roles[0]}; {principal.name} is {principal.role}"
    if not scopes:
        return "no API key may do this; sign in as a user who may"
    return f"this takes an API key with the scope {' or '.join(scopes)}"
