"""Who may do what: every operation of the document, asked by everybody there can be."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from litestar import Litestar, get
from litestar.testing import AsyncTestClient

from calls_core.accounts import Role, Scope
from calls_http.access import OPEN, Gate, rules
from tests.http.connections import serving
from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]

NOT_THERE: Final = "01a202b1-dfed-7119-844e-d8b9db04950a"
OPEN_OPERATIONS: Final = {"get_live", "get_ready", "login", "refresh", "logout", "get_audio_for_ai", "take_answer"}
MATRIX: Final = {
    None: set(),
    Role.VIEWER: {
        "change_password",
        "export_calls",
        "export_chosen",
        "get_audio",
        "get_call",
        "get_download",
        "get_intake",
        "get_me",
        "get_recording",
        "get_transcript",
        "get_vcon",
        "get_waveform",
        "list_calls",
        "list_events",
        "make_media_token",
        "stream_events",
        "summarize_calls",
    },
    Role.OPERATOR: {
        "append_to_upload",
        "attach_recording",
        "begin_upload",
        "check_ingest",
        "delete_call",
        "end_upload",
        "get_archive",
        "get_delivery",
        "get_export",
        "get_metrics",
        "get_upload",
        "get_webhook",
        "ingest_call",
        "list_deliveries",
        "list_exports",
        "list_webhooks",
        "order_export",
        "put_recording",
        "register_call",
        "release_deliveries",
        "remove_export",
        "replay_delivery",
        "replay_webhook",
        "reprocess_call",
        "set_intake",
    },
    Role.ADMIN: {
        "add_api_key",
        "add_user",
        "add_webhook",
        "change_user",
        "change_webhook",
        "get_erasure",
        "lift_hold",
        "list_api_keys",
        "list_audit",
        "list_users",
        "order_erasure",
        "place_hold",
        "place_holds",
        "remove_api_key",
        "remove_user",
        "remove_webhook",
        "rotate_secret",
        "test_webhook",
    },
}
"""What each role may do beyond those above it: written down a second time, so that nobody opens a door by mistake."""


@pytest.fixture(scope="module")
def service() -> tuple[MemoryService, Litestar]:
    memory = MemoryService(accounts=True)
    return memory, memory.app()


@pytest.fixture
async def guarded(service: tuple[MemoryService, Litestar]) -> AsyncIterator[Client]:
    service[0].forget()
    async with AsyncTestClient(service[1], raise_server_exceptions=False) as client:
        yield client


def operations(app: Litestar) -> Iterator[tuple[str, str, str]]:
    """Name, method and path of every operation of the document."""
    for template, item in app.openapi_schema.to_schema()["paths"].items():
        for method, operation in item.items():
            name = str(operation["operationId"])
            yield re.sub("^head_a", "get_a", name), method, re.sub(r"\{\w+\}", NOT_THERE, template)


def of_role(name: str) -> Role:
    return next(role for role, names in MATRIX.items() if role and name in names)


async def credentials(memory: MemoryService, client: Client) -> dict[Role | Scope | None, str | None]:
    """A credential for every role and every scope."""
    found: dict[Role | Scope | None, str | None] = {None: None}
    for role in Role:
        await memory.add_user(f"a-{role}", role)
        answer = await client.post("/auth/login", json={"username": f"a-{role}", "password": "correct horse"})
        found[role] = answer.json()["access_token"]
    for scope in Scope:
        found[scope] = await memory.add_key(scope)
    return found


def test_every_operation_stands_in_the_matrix(service: tuple[MemoryService, Litestar]) -> None:
    """A row for each operation of the document that is not open, and no row for anything else; in the file that the
    service goes by, and in the one that it is compared with here."""
    names = {name for name, _, _ in operations(service[1])}
    assert names >= OPEN_OPERATIONS
    for listed in (set(rules()), set[str]().union(*MATRIX.values())):
        assert listed == names - OPEN_OPERATIONS


def test_roles_are_those_of_the_matrix() -> None:
    """Each row names exactly one role, the least of those that may; machines never administer."""
    for name, rule in rules().items():
        assert {grant for grant in rule.may if grant in set(Role)} == {of_role(name)}, name
        if of_role(name) is Role.ADMIN:
            assert rule.may == {Role.ADMIN}


async def test_everybody_may_do_what_the_matrix_says(service: tuple[MemoryService, Litestar], guarded: Client) -> None:
    """Every closed operation x nobody, each role, each scope: who may not is told 401 or 403, and who may is not."""
    wrong, ranks, held = [], list(Role), await credentials(service[0], guarded)
    for name, method, path in operations(service[1]):
        if name in OPEN_OPERATIONS:
            continue
        for who, credential in held.items():
            headers = {"Authorization": f"Bearer {credential}"} if credential else {}
            status = (await guarded.request(method, path, headers=headers)).status_code
            is_above = isinstance(who, Role) and ranks.index(who) >= ranks.index(of_role(name))
            may = is_above or who in rules()[name].may
            expected = 401 if who is None else 403
            if status == 500 or (status in {401, 403} if may else status != expected):
                wrong.append(f"{who or 'nobody'} {name}: {status}")
    assert wrong == []


PATH_TRICKS: Final = [
    "/calls/auth/login",
    "/calls/health/live",
    "/calls/docs",
    "/calls?path=/auth/login",
    "/calls?x=/health/live",
    "//calls",
    "/./calls",
    "/health/../calls",
    "/health/live/../../calls",
    "/health/%2e%2e/calls",
    "/docs/..%2fcalls",
    "/docs/assets/../../calls",
    "/auth/login/../../calls",
    "/calls/",
    "/calls//",
    "/calls;/auth/login",
    "/calls;x=1",
    "/CALLS",
    "/Calls",
    "/calls%00",
    "/calls%20",
    "/calls%2f",
    "/%63alls",
    "/calls\\..\\docs",
    f"/calls/{NOT_THERE}/recording/audio/auth/login",
    f"/calls/{NOT_THERE}/recording/audio?token=",
    f"/calls/{NOT_THERE}/recording/audio?token=x&token=y",
    f"/calls/{NOT_THERE};/health/live",
    f"/calls/{NOT_THERE}%2f..%2f..%2fhealth%2flive",
    "/users/",
    "/users/../health/live/../users",
    "/api-keys?open=true",
    "/audit/auth/login",
    "/metrics/",
    "/metrics/health/live",
]


async def test_no_path_leads_around_the_gate() -> None:
    """Whatever a path is dressed up as, on a real socket and byte by byte, nobody gets anything of a closed route
    without a credential."""
    got = {}
    async with serving(MemoryService(accounts=True), "httptools") as connect:
        for path in PATH_TRICKS:
            for method in ("GET", "HEAD", "POST"):
                connection = await connect()
                await connection.head(f"{method} {path}", "X-Original-URL: /health/live", "Connection: close", length=0)
                got[method, path] = int((await connection.reader.readuntil(b"\r\n")).split()[1])
                connection.hang_up()
    assert {key: status for key, status in got.items() if status not in {400, 401, 404, 405}} == {}


async def test_what_is_open(guarded: Client) -> None:
    """The documentation and the health of the service, and nothing of what it keeps."""
    for path in ("/docs", "/redoc", "/openapi.json", "/health/live", "/health/ready"):
        assert (await guarded.get(path)).status_code == 200, path
    assert (await guarded.options("/calls")).status_code == 204


def test_the_document_says_what_is_open(service: tuple[MemoryService, Litestar]) -> None:
    """All operations ask for a bearer token, but for those that are marked open."""
    document = service[1].openapi_schema.to_schema()
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    unguarded = [str(each["operationId"]) for each in operations if each.get("security") == [{}]]
    assert {name.replace("head_audio", "get_audio") for name in unguarded} == OPEN_OPERATIONS


def test_an_operation_without_a_row_keeps_the_service_from_starting() -> None:
    """So does one that is marked open and has a row, too; one that is marked open alone does not."""

    @get("/new", sync_to_thread=False)
    def something_new() -> None: ...

    @get("/list", opt=OPEN, sync_to_thread=False)
    def list_calls() -> None: ...

    @get("/fine", opt=OPEN, sync_to_thread=False)
    def fine() -> None: ...

    gate = Gate()
    for handler in (something_new, list_calls):
        with pytest.raises(LookupError, match=handler.handler_name):
            gate.require_a_rule_for_each(Litestar([handler], openapi_config=None, logging_config=None))
    gate.require_a_rule_for_each(Litestar([fine], openapi_config=None, logging_config=None))


async def test_without_accounts_everybody_may_do_everything(client: Client) -> None:
    """Whatever credential is sent; signing in is not possible."""
    headers = {"Authorization": "Bearer nonsense"}
    assert (await client.post("/calls", json=CALL, headers=headers)).status_code == 201
    me: dict[str, Any] = (await client.get("/auth/me")).json()
    assert me == {"id": "anonymous", "name": "anonymous", "role": "admin", "scopes": [], "accounts": False}
    answer = await client.post("/auth/login", json={"username": "admin", "password": "x"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:calls:problem:accounts-off")
