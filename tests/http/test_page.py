"""How the web page is served; what it does is told by tests/browser."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_http.page import page_router
from calls_http.problems import EXCEPTION_HANDLERS

pytestmark = pytest.mark.anyio

INDEX = '<meta name="csp-nonce" nonce="__CSP_NONCE__"><script type="module" src="/ui/assets/index-1a2b.js"></script>'
SCRIPT = b"console.log('calls')"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[AsyncTestClient[Litestar]]:
    folder = tmp_path / "ui"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "index-1a2b.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "source.json").write_text("{}")
    (tmp_path / "secret.txt").write_text("secret")
    async with AsyncTestClient(
        Litestar([page_router(folder)], exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None)
    ) as client:
        yield client


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/index.html", "/ui/calls/0190", "/ui/dashboard"])
async def test_every_place_of_the_page_is_the_page(client: AsyncTestClient[Litestar], path: str) -> None:
    """A place within the page may be opened, reloaded and sent to somebody; it is asked for anew each time."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert answer.headers["content-type"].startswith("text/html")


async def test_only_our_scripts_run(client: AsyncTestClient[Litestar]) -> None:
    """The policy admits nothing inline but what bears the nonce of this one answer, and no frame around the page."""
    answers = [await client.get("/ui/") for _ in range(2)]
    nonces = []
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        nonces += re.findall(r"'nonce-([\w-]{20,})'", policy)
        assert f'nonce="{nonces[-1]}"' in answer.text
    assert len(set(nonces)) == 2


async def test_what_never_changes_is_asked_for_once(client: AsyncTestClient[Litestar]) -> None:
    """Assets are named by their hash, so browsers keep them; they come packed to whoever takes that."""
    packed = await client.get("/ui/assets/index-1a2b.js")
    bare = await client.get("/ui/assets/index-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["content-type"].startswith("text/javascript")
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert "content-encoding" not in bare.headers
    assert packed.content == bare.content == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "/ui/assets/index-0000.js",
        "/ui/../secret.txt",
        "/ui/%2e%2e/secret.txt",
        "/ui/assets/..%2f..%2f..%2fsecret.txt",
        "/ui/source.json",
        "/ui/../calls",
    ],
)
async def test_nothing_else_is_served(client: AsyncTestClient[Litestar], path: str) -> None:
    """A file that is not of the page is not found, and no page is sent in its place."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_page_that_is_not_built_is_told_of(tmp_path: Path) -> None:
    """A source tree without the build says what to do."""
    async with AsyncTestClient(
        Litestar(
            [page_router(tmp_path)], exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None
        )
    ) as client:
        answer = await client.get("/ui/")
    assert answer.status_code == 404
    assert "installing the package builds it" in answer.json()["detail"]
