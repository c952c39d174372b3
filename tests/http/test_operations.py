"""Health, documentation pages, request ids, the access log, and problems that the framework finds."""

import asyncio
import logging
import re

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.errors import StorageUnavailable
from calls_http import docs_pages, health
from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]


async def works() -> str:
    return "answers"


async def is_down() -> str:
    raise StorageUnavailable("the folder is read-only; make it writable")


async def is_broken() -> str:
    raise ZeroDivisionError("secret")


async def hangs() -> str:
    await asyncio.Event().wait()
    return "never"


async def test_live_asks_nobody(client: Client, memory: MemoryService) -> None:
    """The process lives although a part is down."""
    memory.checks |= {"storage": is_down}
    assert (await client.get("/health/live")).json() == {"status": "alive"}


async def test_ready_tells_of_every_part(client: Client, memory: MemoryService) -> None:
    """200 while all that is needed is up; an optional part that is down is only told about."""
    memory.checks["database"], memory.optional_checks["ai"] = works, is_down
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "status": "ready",
            "parts": {
                "database": {"status": "up", "needed": True, "detail": "answers"},
                "ai": {"status": "down", "needed": False, "detail": "the folder is read-only; make it writable"},
            },
        },
    )


async def test_unready_without_a_needed_part(
    client: Client, memory: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 says which part is down and what to do; a check that breaks or hangs is down too and tells no secrets."""
    monkeypatch.setattr(health, "PATIENCE_SEC", 0.01)
    memory.checks |= {"storage": is_down, "database": works, "queue": is_broken, "decoder": hangs}
    answer = await client.get("/health/ready")
    parts = answer.json()["parts"]
    assert (answer.status_code, answer.json()["status"]) == (503, "unready")
    assert {name: part["status"] for name, part in parts.items()} == {
        "storage": "down",
        "database": "up",
        "queue": "down",
        "decoder": "down",
    }
    assert "read-only" in parts["storage"]["detail"]
    assert "secret" not in answer.text
    assert "no answer" in parts["decoder"]["detail"]


async def test_the_start_leads_to_the_page(client: Client) -> None:
    """GET / redirects."""
    answer = await client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_documentation_pages_load_nothing_from_elsewhere(client: Client, path: str) -> None:
    """Scripts and styles come from us, and no tag of the page names another host, not even for an icon."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")
    head = answer.text.split("</head>")[0]
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", head)
    assert addresses
    assert all(address.startswith(("/docs/assets/", "data:,")) for address in addresses)
    assert {address.rsplit("/", 1)[-1] for address in addresses if address.startswith("/")} <= set(docs_pages.ASSETS)
    assert "urn:calls" in answer.text or "openapi" in answer.text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_documentation_pages_run_their_own_scripts_only(client: Client, path: str) -> None:
    """Each script bears the nonce that the policy of this one answer admits; nobody frames the page."""
    first, answer = await client.get(path), await client.get(path)
    policy = answer.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert nonce
    assert nonce not in first.text
    tags = re.findall(r"<script[^>]*>", answer.text)
    assert tags
    assert all(f'nonce="{nonce}"' in tag for tag in tags)
    assert "frame-ancestors 'none'" in policy


async def test_scripts_are_served_or_told_to_be_missing(client: Client, tmp_path: object) -> None:
    """An asset is there after the package was built; other names are not found, wherever they point."""
    for name, media_type in docs_pages.ASSETS.items():
        answer = await client.get(f"/docs/assets/{name}")
        if answer.status_code == 200:
            assert answer.headers["content-type"].split(";")[0] == media_type
        else:
            assert "installing the package" in answer.json()["detail"]
    for name in ("packages.json", "..%2f..%2fapp.py", "%2e%2e/app.py", "app.py", "x" * 5000):
        assert (await client.get(f"/docs/assets/{name}")).status_code == 404


async def test_the_document_describes_itself(client: Client) -> None:
    """OpenAPI 3.1, every operation with a name of its own, every reference with a target."""
    answer = await client.get("/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Calls"
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    for reference in re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', answer.text):
        assert reference in document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                kinds = set(response.get("content", {}))
                assert "X-Request-ID" in response["headers"]
                assert (
                    kinds == {"application/problem+json"}
                    or int(status) < 400
                    or operation["operationId"] == "get_ready"
                )


async def test_a_sane_request_id_is_taken_over(client: Client) -> None:
    """It comes back on successes, refusals and unknown routes."""
    for path in ("/health/live", "/calls?limit=0", "/nowhere"):
        answer = await client.get(path, headers={"X-Request-ID": "pbx.7_A-1"})
        assert answer.headers["x-request-id"] == "pbx.7_A-1"


@pytest.mark.parametrize("offered", [None, "", "a b", "a\tb", "x" * 129, "ü", "a;b", "<script>"])
async def test_other_request_ids_are_replaced(client: Client, offered: str | None) -> None:
    """Whatever is not plain gets a random id instead."""
    headers = {"X-Request-ID": offered.encode()} if offered is not None else {}
    answer = await client.get("/health/live", headers=headers)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_requests_are_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """One line with method, encoded path and status, without the query, which names people; health checks on DEBUG."""
    with caplog.at_level(logging.INFO, "calls.http"):
        await client.get("/calls?query=79001234567")
        await client.get("/nowhere/%0Ax")
        await client.get("/health/live")
    assert [record.getMessage() for record in caplog.records] == ["GET /calls 200", "GET /nowhere/%0Ax 404"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/calls/not-a-uuid", 404, "not-found"),
        ("GET", "/calls/" + "9" * 5000, 404, "not-found"),
        ("GET", "/calls/%00", 404, "not-found"),
        ("GET", "/calls/%2e%2e/%2e%2e/etc/passwd", 404, "not-found"),
        ("PATCH", "/calls", 405, "method-not-allowed"),
        ("DELETE", "/intake", 405, "method-not-allowed"),
        ("GET", "/calls/ingest", 405, "method-not-allowed"),
        ("TRACE", "/calls", 405, "method-not-allowed"),
    ],
)
async def test_routing_errors_are_problems(client: Client, method: str, path: str, status: int, code: str) -> None:
    """Unknown routes and methods too; 405 names the allowed ones."""
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:calls:problem:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    if status == 405:
        assert answer.headers["allow"]


async def test_options_tells_the_methods(client: Client) -> None:
    """OPTIONS is answered everywhere, also with parameters that no other method takes."""
    for path, allowed in {"/calls?x=1": "GET, OPTIONS, POST", "/calls/ingest": "OPTIONS, POST"}.items():
        answer = await client.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, allowed)


async def test_a_fault_of_ours_tells_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """500 internal without details; the log has the traceback once."""

    async def add(*_: object) -> None:
        raise ZeroDivisionError("the secret")

    memory = MemoryService()
    memory.calls.add = add  # type: ignore[method-assign, assignment]
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        answer = await client.post("/calls", json=CALL)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:calls:problem:internal")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"]
    assert len([record for record in caplog.records if record.exc_info]) == 1
