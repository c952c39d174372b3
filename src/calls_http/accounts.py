"""Users, API keys and the audit trail, for administrators."""

from typing import Annotated, Any
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, delete, get, patch, post
from litestar.datastructures import CacheControlHeader
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from calls_core.accounts import ApiKeyId, UserId
from calls_core.audit import AUDIT_PAGE_LIMIT, AuditFilter
from calls_core.errors import FieldError, InvalidQuery
from calls_core.recording import CallId
from calls_core.use_cases.keep_audit import KeepAudit
from calls_core.use_cases.manage_accounts import ManageApiKeys, ManageUsers
from calls_http.access import actor_of
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.queries import refuse_unknown_parameters
from calls_http.wire import accounts as wire


@get("/users", operation_class=operation(), responses=problems(), summary="List users")
async def list_users(manage: FromDishka[ManageUsers]) -> wire.UserList:
    return wire.UserList(items=[wire.User.of(user) for user in await manage.all()])


@post("/users", operation_class=operation(), responses=problems(409, *READS_BODY), summary="Add a user")
async def add_user(
    request: Request[Any, Any, Any], data: JSONBody[wire.NewUser], manage: FromDishka[ManageUsers]
) -> wire.User:
    return wire.User.of(await manage.add(data.username, data.password, data.role, actor_of(request)))


@patch(
    "/users/{user_id:uuid}",
    operation_class=operation(),
    responses=problems(404, 409, *READS_BODY),
    summary="Change a user",
)
async def change_user(
    request: Request[Any, Any, Any],
    user_id: FromPath[UUID],
    data: JSONBody[wire.UserChange],
    manage: FromDishka[ManageUsers],
) -> wire.User:
    """A new role counts from the next request on. Disabling, and a new password, end all sessions of the user."""
    changed = await manage.change(
        UserId(user_id), actor_of(request), role=data.role, enabled=data.enabled, password=data.password
    )
    return wire.User.of(changed)


@delete("/users/{user_id:uuid}", operation_class=operation(), responses=problems(404, 409), summary="Remove a user")
async def remove_user(
    request: Request[Any, Any, Any], user_id: FromPath[UUID], manage: FromDishka[ManageUsers]
) -> None:
    """Ends all sessions of the user. What the user did stays in the audit trail."""
    await manage.remove(UserId(user_id), actor_of(request))


@get("/api-keys", operation_class=operation(), responses=problems(), summary="List API keys")
async def list_api_keys(manage: FromDishka[ManageApiKeys]) -> wire.ApiKeyList:
    return wire.ApiKeyList(items=[wire.ApiKey.of(key) for key in await manage.all()])


@post(
    "/api-keys",
    cache_control=CacheControlHeader(no_store=True),
    operation_class=operation(),
    responses=problems(*READS_BODY),
    summary="Add an API key",
)
async def add_api_key(
    request: Request[Any, Any, Any], data: JSONBody[wire.NewApiKey], manage: FromDishka[ManageApiKeys]
) -> wire.ShownApiKey:
    """The answer shows the key; we keep only its hash. Send it as `Authorization: Bearer calls_...`."""
    key, secret = await manage.add(data.name, frozenset(data.scopes), actor_of(request), data.expires_at)
    return wire.ShownApiKey.with_secret(key, secret)


@delete("/api-keys/{key_id:uuid}", operation_class=operation(), responses=problems(404), summary="Remove an API key")
async def remove_api_key(
    request: Request[Any, Any, Any], key_id: FromPath[UUID], manage: FromDishka[ManageApiKeys]
) -> None:
    await manage.remove(ApiKeyId(key_id), actor_of(request))


@get("/audit", operation_class=operation(), responses=problems(), summary="Read the audit trail")
async def list_audit(
    audit: FromDishka[KeepAudit],
    action: FromQuery[str | None] = None,
    actor: Annotated[str | None, QueryParameter(description="user:<id>, key:<id>, anonymous, cli or system.")] = None,
    call_id: FromQuery[UUID | None] = None,
    limit: Annotated[int, QueryParameter(schema_extra={"minimum": 1, "maximum": AUDIT_PAGE_LIMIT})] = 50,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before, unchanged.")] = None,
) -> wire.AuditPage:
    """Who did what, latest first. Follow `next_cursor` until it is null. Nobody can change an entry or remove one."""
    wanted = AuditFilter(action=action, actor=actor, call_id=CallId(call_id) if call_id else None)
    entries = await audit.page(wanted, limit, _before(cursor))
    following = str(entries[-1].id) if len(entries) == limit else None
    return wire.AuditPage(items=[wire.Entry.of(entry) for entry in entries], next_cursor=following)


def _before(cursor: str | None) -> UUID | None:
    try:
        return UUID(cursor) if cursor is not None else None
    except ValueError:
        why = "send back next_cursor exactly as it was given"
        raise InvalidQuery(f"cursor: {why}", [FieldError("/cursor", why)]) from None


accounts_router = DishkaRouter(
    "/",
    route_handlers=[
        list_users,
        add_user,
        change_user,
        remove_user,
        list_api_keys,
        add_api_key,
        remove_api_key,
        list_audit,
    ],
    before_request=refuse_unknown_parameters,
    tags=["accounts"],
)
