"""What attackers send: pages of other sites, forged tokens, and tokens in other places."""

import base64
import hashlib
import hmac
import json
from typing import Any, Final

import jwt
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import SECRET, MemoryService
from tests.http.signed_in import SESSION, sign_in, status

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]

CROSS_SITE: Final[list[dict[str, str]]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "CROSS-SITE"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver.local"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://testserver.local.evil.example"},
    {"Origin": "http://evil.example/testserver.local"},
    {"Origin": "http://testserver.local@evil.example"},
    {"Origin": "http://[testserver.local"},
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout"])
async def test_pages_of_other_sites_cannot_use_the_cookie(
    guarded: tuple[MemoryService, Client], path: str, headers: dict[str, str]
) -> None:
    """What a browser marks as theirs is refused, and the session goes on."""
    _, client = guarded
    access = await sign_in(client)
    answer = await client.post(path, json={"username": "anna", "password": "correct horse"}, headers=headers)
    assert answer.status_code == 403
    assert await status(client, access) == 200


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
async def test_pages_of_other_sites_change_nothing_where_there_are_no_accounts(
    client: Client, headers: dict[str, str]
) -> None:
    """A blob without a media type crosses sites unasked, and may not take every event elsewhere."""
    answer = await client.post("/webhooks", content=b'{"url": "https://evil.example/"}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:calls:problem:forbidden")
    assert (await client.get("/calls", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("LOCALHOST.:8000", True),
        ("calls", True),
        ("api.calls.svc.cluster.local", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8000", False),
        ("localhost.evil.example", False),
        ("evillocal.example", False),
        ("127.0.0.1@evil.example", False),
        ("[evil.example", False),
    ],
)
async def test_a_name_that_anybody_could_point_at_us(client: Client, host: str, *, is_ours: bool) -> None:
    """Without accounts, a page under another name reads nothing: its name may have been made to lead here."""
    answer = await client.get("/calls", headers={"Host": host})
    assert answer.status_code == (200 if is_ours else 403)
    if not is_ours:
        assert answer.json()["type"] == "urn:calls:problem:unknown-host"


async def test_names_where_there_are_accounts(guarded: tuple[MemoryService, Client]) -> None:
    """With accounts any name will do: who has no credential gets nothing under any."""
    _, client = guarded
    access = await sign_in(client)
    answer = await client.get("/calls", headers={"Host": "evil.example", "Authorization": f"Bearer {access}"})
    assert answer.status_code == 200


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged(
    claims: dict[str, Any], header: dict[str, Any] | None = None, key: bytes = SECRET, digest: str = "sha256"
) -> str:
    text = f"{segment(header or {'alg': 'HS256', 'typ': 'JWT'})}.{segment(claims)}"
    mac = hmac.digest(key, text.encode(), digest)
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def derived(kind: str) -> bytes:
    return hmac.digest(SECRET, f"calls {kind} tokens".encode(), hashlib.sha256)


def attacks(good: str, refresh: str, now: int) -> dict[str, str]:
    """Tokens to be refused, most of them signed with the right key, by what is wrong with them."""
    claims = jwt.decode(good, options={"verify_signature": False})
    header, payload, signature = good.split(".")
    key = derived("access")

    def signed(**changes: Any) -> str:
        return forged({name: value for name, value in (claims | changes).items() if value != "gone"}, key=key)

    def headed(**changes: Any) -> str:
        return forged(claims, {"alg": "HS256", "typ": "JWT"} | changes, key)

    return {
        "nothing signed, alg none": f"{segment({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "alg None": f"{segment({'alg': 'None', 'typ': 'JWT'})}.{payload}.",
        "alg none with the signature": f"{segment({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}",
        "no signature": f"{header}.{payload}.",
        "no third part": f"{header}.{payload}",
        "four parts": f"{good}.{signature}",
        "RS256 in the header": headed(alg="RS256"),
        "HS512": forged(claims, {"alg": "HS512", "typ": "JWT"}, key, "sha512"),
        "HS384 of the right key": forged(claims, {"alg": "HS384", "typ": "JWT"}, key, "sha384"),
        "the secret itself as key": forged(claims),
        "an empty key": forged(claims, key=b""),
        "another secret": forged(claims, key=b"x" * 32),
        "key of refresh tokens": forged(claims, key=derived("refresh")),
        "key of media tokens": forged(claims, key=derived("media")),
        "kid of a file": headed(kid="../../../../dev/null"),
        "kid with SQL": headed(kid="x' UNION SELECT 'key'"),
        "own key in the header": headed(jwk={"kty": "oct", "k": "eA"}),
        "key from an address": headed(jku="https://evil.example/keys"),
        "crit": headed(crit=["exp"]),
        "b64 false": headed(b64=False, crit=["b64"]),
        "other typ": headed(typ="at+jwt"),
        "header in another order": forged(claims, {"typ": "JWT", "alg": "HS256"}, key),
        "wrong audience": signed(aud="other"),
        "audience of refresh": signed(aud="calls:refresh"),
        "several audiences": signed(aud=["calls:access", "calls:refresh"]),
        "no audience": signed(aud="gone"),
        "expired": signed(exp=now),
        "never expires": signed(exp="gone"),
        "expires as text": signed(exp=str(now + 600)),
        "expires at infinity": signed(exp=1e309),
        "not before later": signed(nbf=now + 600),
        "issued in the future": signed(iat=now + 600),
        "no issue time": signed(iat="gone"),
        "no session": signed(sub="gone"),
        "session of nobody": signed(sub=SESSION),
        "session that is none": signed(sub="' OR 1=1"),
        "session as a number": signed(sub=1),
        "role claimed": signed(role="admin"),
        "a refresh token": refresh,
        "truncated": good[:-5],
        "signature cut in half": f"{header}.{payload}.{signature[:20]}",
        "payload changed": f"{header}.{segment(claims | {'sub': SESSION})}.{signature}",
        "padding": f"{good}==",
        "oversized": signed(more="x" * 100_000)[:60_000],
        "many dots": "." * 500,
        "nested deeply": f"{header}.{base64.urlsafe_b64encode(b'[' * 500).decode().rstrip('=')}.{signature}",
        "not base64": f"{header}.@@@@.{signature}",
        "NUL": f"{good}\0",
        "Latin-1": f"{good}ÿ",
        "space within": f"{good[:40]} {good[40:]}",
        "a key that is not there": "calls_" + "A" * 43,
        "empty": "",
    }


async def test_forged_tokens_are_refused(guarded: tuple[MemoryService, Client]) -> None:
    """Every one with the same 401; the token that they were made from is good."""
    memory, client = guarded
    good = await sign_in(client)
    found = attacks(good, client.cookies["calls_refresh"], int(memory.now.timestamp()))
    assert len(found) >= 50
    got = {}
    for name, token in found.items():
        answer = await client.get("/calls", headers={b"Authorization": b"Bearer " + token.encode("latin-1")})
        got[name] = answer.status_code, answer.json().get("type")
    assert {name: answer for name, answer in got.items() if answer != (401, "urn:calls:problem:not-signed-in")} == {}
    assert await status(client, good) == 200


async def test_one_credential_at_a_time(guarded: tuple[MemoryService, Client]) -> None:
    """Two headers, another scheme, no scheme, and the token anywhere else are all refused."""
    _, client = guarded
    good = await sign_in(client)
    for headers in (
        [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")],
        [("Authorization", f"Bearer {good}"), ("authorization", "Bearer x")],
        [("Authorization", f"Basic {good}")],
        [("Authorization", good)],
        [("Authorization", "Bearer")],
        [("Authorization", f"Bearer {good}, Bearer {good}")],
        [("X-API-Key", good)],
        [("Cookie", f"access_token={good}; Authorization={good}; calls_refresh={good}")],
        [("Proxy-Authorization", f"Bearer {good}")],
    ):
        assert (await client.get("/calls", headers=headers)).status_code == 401, headers
    assert (await client.get(f"/calls?token={good}&access_token={good}")).status_code == 401
    assert (await client.get("/calls", headers={"authorization": f"bEARER {good}"})).status_code == 200


@pytest.mark.parametrize("cookie", ["", "x", "calls_abc", "null", "a.b.c", "{access}", "{access}; calls_refresh=x"])
async def test_other_things_do_not_refresh(guarded: tuple[MemoryService, Client], cookie: str) -> None:
    """Nor does an access token."""
    _, client = guarded
    access = await sign_in(client)
    client.cookies.clear()
    headers = {"Cookie": f"calls_refresh={cookie.format(access=access)}"}
    assert (await client.post("/auth/refresh", headers=headers)).status_code == 401
    assert await status(client, access) == 200
