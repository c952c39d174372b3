"""Signing in and out. The access token goes into a header, the refresh token stays in a cookie that no script sees."""

from typing import Any, Final

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, get, post
from litestar.datastructures import CacheControlHeader, Cookie
from litestar.params import JSONBody

from calls_core.errors import FieldError, InvalidInput, NotSignedIn
from calls_core.ports import Clock, TokenKind
from calls_core.recording import CallId
from calls_core.use_cases.authenticate import Accounts
from calls_core.use_cases.manage_accounts import ChangePassword
from calls_core.use_cases.sign_in import RefreshSession, SignedIn, SignIn, SignOut, Tickets
from calls_http.access import ASKS_NOBODY, OPEN, actor_of, address_of, bearer
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.other_sites import refuse_other_sites
from calls_http.queries import refuse_unknown_parameters
from calls_http.wire import accounts as wire

COOKIE: Final = "calls_refresh"
PATH: Final = "/auth"
NEVER_KEPT: Final = CacheControlHeader(no_store=True)

_COOKIE_SET: Final = {"Set-Cookie": "The refresh token: HttpOnly, SameSite=Strict, for /auth only."}


@post(
    "/login",
    status_code=200,
    opt=OPEN,
    security=ASKS_NOBODY,
    cache_control=NEVER_KEPT,
    operation_class=operation(headers={200: _COOKIE_SET}),
    responses=problems(401, 403, 409, 429, *READS_BODY, is_open=True),
    summary="Sign in",
)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[wire.Login], sign_in: FromDishka[SignIn], clock: FromDishka[Clock]
) -> Response[wire.AccessToken]:
    """Send the access token as `Authorization: Bearer ...`. The answer is the same, and takes as long, whether the user
    name or the password is wrong."""
    refuse_other_sites(request)
    signed_in = await sign_in(data.username, data.password, address_of(request))
    return _answer(request, signed_in, clock)


@post(
    "/refresh",
    status_code=200,
    opt=OPEN,
    security=ASKS_NOBODY,
    cache_control=NEVER_KEPT,
    operation_class=operation(headers={200: _COOKIE_SET}),
    responses=problems(401, 403, 409, is_open=True),
    summary="Stay signed in",
)
async def refresh(
    request: Request[Any, Any, Any], again: FromDishka[RefreshSession], clock: FromDishka[Clock]
) -> Response[wire.AccessToken]:
    """Exchange the cookie for the next one and a new access token. A cookie that was exchanged before ends its session:
    somebody else has it."""
    refuse_other_sites(request)
    token = request.cookies.get(COOKIE)
    if token is None:
        raise NotSignedIn("there is no refresh cookie; sign in")
    return _answer(request, await again(token, address_of(request)), clock)


@post(
    "/logout",
    status_code=204,
    opt=OPEN,
    security=ASKS_NOBODY,
    operation_class=operation(contents={204: None}, headers={204: {"Set-Cookie": "Removes the cookie."}}),
    responses=problems(401, 403, is_open=True),
    summary="Sign out",
)
async def logout(request: Request[Any, Any, Any], sign_out: FromDishka[SignOut]) -> Response[None]:
    """End the session of the cookie and that of the access token, whichever is sent: all tokens of it, at once."""
    refuse_other_sites(request)
    given = {TokenKind.REFRESH: request.cookies.get(COOKIE), TokenKind.ACCESS: bearer(request)}
    await sign_out([(kind, text) for kind, text in given.items() if text is not None], address_of(request))
    return Response(None, status_code=204, cookies=[_cookie(request, "", 0)])


@get("/me", cache_control=NEVER_KEPT, operation_class=operation(), responses=problems(), summary="Who am I?")
async def get_me(request: Request[Any, Any, Any], accounts: FromDishka[Accounts]) -> wire.Me:
    return wire.Me.of(request.user, accounts=accounts.enabled)


@post(
    "/password",
    status_code=204,
    operation_class=operation(),
    responses=problems(429, *READS_BODY),
    summary="Change your password",
)
async def change_password(
    request: Request[Any, Any, Any], data: JSONBody[wire.NewPassword], change: FromDishka[ChangePassword]
) -> None:
    """Ends all your sessions, this one too."""
    await change(request.user, data.old_password, data.new_password, actor_of(request))


@post(
    "/media-token",
    status_code=200,
    cache_control=NEVER_KEPT,
    operation_class=operation(),
    responses=problems(*READS_BODY),
    summary="Get a token for a player",
)
async def make_media_token(
    request: Request[Any, Any, Any], data: JSONBody[wire.MediaTokenRequest], tickets: FromDishka[Tickets]
) -> wire.MediaToken:
    """It opens the audio, waveform and download of one call, or one archive, as `?token=...`, for an hour at most
    and no longer than your session."""
    opened = data.call_id or data.export_id
    if opened is None or (data.call_id and data.export_id):
        why = "name one call_id or one export_id"
        raise InvalidInput(why, [FieldError("/call_id", why)])
    token, expires_at = tickets.media(request.user, CallId(opened))
    return wire.MediaToken(token=token, expires_at=expires_at)


def _answer(request: Request[Any, Any, Any], signed_in: SignedIn, clock: Clock) -> Response[wire.AccessToken]:
    now = clock()
    max_age = round((signed_in.refresh_expires_at - now).total_seconds())
    return Response(wire.AccessToken.of(signed_in, now), cookies=[_cookie(request, signed_in.refresh_token, max_age)])


def _cookie(request: Request[Any, Any, Any], value: str, max_age: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        max_age=max_age,
        path=PATH,
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )


auth_router = DishkaRouter(
    PATH,
    route_handlers=[login, refresh, logout, get_me, change_password, make_media_token],
    before_request=refuse_unknown_parameters,
    tags=["accounts"],
)
