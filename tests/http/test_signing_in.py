"""Signing in, staying signed in and signing out."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_adapters.memory import MemoryUsers
from calls_core.accounts import Role, Scope, SessionId
from calls_core.ports import Users
from calls_core.use_cases.sign_in import PER_ADDRESS, PER_NAME
from calls_http import access
from tests.http.memory_service import MemoryService
from tests.http.signed_in import SESSION, bearing, registered, sign_in, status
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
MINUTE: Final = timedelta(minutes=1)


async def test_signing_in_gives_a_token_and_a_cookie(guarded: tuple[MemoryService, Client]) -> None:
    """The cookie is out of reach for scripts and other sites, goes to /auth only, and is Secure over HTTPS."""
    _, client = guarded
    answer = await client.post("/auth/login", json={"username": "ANNA", "password": "correct horse"})
    assert {**answer.json(), "access_token": ""} == {"access_token": "", "token_type": "Bearer", "expires_in": 600}
    assert answer.headers["cache-control"] == "no-store"
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "max-age=1209600", "path=/auth", "samesite=strict"}
    me = (await client.get("/auth/me", headers=bearing(answer.json()["access_token"]))).json()
    assert (me["name"], me["role"], me["accounts"]) == ("anna", "viewer", True)
    secure = await client.post(
        "https://testserver.local/auth/login", json={"username": "anna", "password": "correct horse"}
    )
    assert "secure" in secure.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("anna", "wrong horse"),
        ("anna", ""),
        ("nobody", "correct horse"),
        ("", ""),
        ("\0", "\0"),
        ("anna\0", "correct horse"),
        (" anna", "correct horse"),
        ("аnna", "correct horse"),  # its first letter is Cyrillic
        ("' OR 1=1 --", "x"),
        ("anna", "correct horse" + "\0"),
        ("anna", "ö" * 1000),
        ("gone", "correct horse"),
    ],
)
async def test_a_wrong_name_and_a_wrong_password_look_the_same(
    guarded: tuple[MemoryService, Client], username: str, password: str
) -> None:
    """As does a disabled user; whatever is typed there is neither an error of ours nor written down."""
    memory, client = guarded
    gone = await memory.add_user("gone", Role.VIEWER)
    memory.database.users[gone.id] = replace(gone, enabled=False)
    answer = await client.post("/auth/login", json={"username": username, "password": password})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:calls:problem:bad-credentials")
    assert answer.json()["detail"] == "user name or password are wrong"
    assert "set-cookie" not in answer.headers
    entry = memory.database.audit[-1]
    assert entry.action == "auth.sign_in_refused"
    assert entry.actor.name in {"", "anna", "gone"}


async def test_attempts_are_limited_before_a_password_is_looked_at(guarded: tuple[MemoryService, Client]) -> None:
    """Those sent at once count too: after ten, even the right password waits; then it may try again."""
    memory, client = guarded
    body = {"username": "anna", "password": "wrong horse"}
    answers = await asyncio.gather(*(client.post("/auth/login", json=body) for _ in range(PER_NAME[0] + 5)))
    assert sorted(answer.status_code for answer in answers) == [401] * PER_NAME[0] + [429] * 5
    refused = await client.post("/auth/login", json={"username": "anna", "password": "correct horse"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "300")
    memory.now += timedelta(seconds=int(refused.headers["retry-after"]))
    assert await sign_in(client)


async def test_an_address_is_limited_over_all_names(guarded: tuple[MemoryService, Client]) -> None:
    """Trying one password with many names ends, too."""
    _, client = guarded
    statuses = [
        (await client.post("/auth/login", json={"username": f"user{n}", "password": "x"})).status_code
        for n in range(PER_ADDRESS[0] + 1)
    ]
    assert statuses == [401] * PER_ADDRESS[0] + [429]


async def test_refreshing_gives_the_next_tokens(guarded: tuple[MemoryService, Client]) -> None:
    """Access ends after ten minutes; the cookie goes on, until nobody has used it for two weeks."""
    memory, client = guarded
    first = await sign_in(client)
    memory.now += 10 * MINUTE
    assert await status(client, first) == 401
    answer = await client.post("/auth/refresh")
    assert await status(client, answer.json()["access_token"]) == 200
    for _ in range(4):
        memory.now += timedelta(days=7)
        answer = await client.post("/auth/refresh")
        assert answer.status_code == 200
    memory.now += timedelta(days=7)
    assert (await client.post("/auth/refresh")).status_code == 401


async def test_fifty_refreshes_at_once_leave_one_session(guarded: tuple[MemoryService, Client]) -> None:
    """All are answered with the same next cookie, and nobody is signed out."""
    memory, client = guarded
    await sign_in(client)
    cookie = {"Cookie": f"calls_refresh={client.cookies['calls_refresh']}"}
    client.cookies.clear()
    answers = await asyncio.gather(*(client.post("/auth/refresh", headers=cookie) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["set-cookie"].split(";")[0] for answer in answers}) == 1
    assert [session.generation for session in memory.database.sessions.values()] == [2]


async def test_a_spent_refresh_token_ends_its_session(guarded: tuple[MemoryService, Client]) -> None:
    """Whoever holds the other half of it is out as well, and the trail says so."""
    memory, client = guarded
    await sign_in(client)
    spent = {"Cookie": f"calls_refresh={client.cookies['calls_refresh']}"}
    access = (await client.post("/auth/refresh")).json()["access_token"]
    memory.now += timedelta(seconds=11)
    assert await status(client, access) == 200
    kept = client.cookies["calls_refresh"]
    client.cookies.clear()
    assert (await client.post("/auth/refresh", headers=spent)).status_code == 401
    assert await status(client, access) == 401
    assert (await client.post("/auth/refresh", headers={"Cookie": f"calls_refresh={kept}"})).status_code == 401
    assert memory.database.audit[-1].action == "auth.token_reused"


async def test_signing_out_ends_everything_at_once(guarded: tuple[MemoryService, Client]) -> None:
    """Access, refresh and media tokens; other sessions of the same user go on. Once more does no harm."""
    _, client = guarded
    call = await registered(client)
    other = await sign_in(client)
    access = await sign_in(client)
    media = await client.post("/auth/media-token", json={"call_id": call}, headers=bearing(access))
    audio = f"/calls/{call}/recording/audio?token={media.json()['token']}"
    assert (await client.get(audio)).status_code == 404  # the call has no recording: past the gate
    cookie = client.cookies["calls_refresh"]
    assert (await client.post("/auth/logout")).status_code == 204
    assert "calls_refresh" not in client.cookies
    assert await status(client, access) == 401
    assert (await client.get(audio)).status_code == 401
    assert (await client.post("/auth/refresh", headers={"Cookie": f"calls_refresh={cookie}"})).status_code == 401
    assert await status(client, other) == 200
    assert (await client.post("/auth/logout", headers=bearing(other))).status_code == 204
    assert await status(client, other) == 401
    assert (await client.post("/auth/logout")).status_code == 204


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"enabled": False}, 401),
        ({"password": "another horse"}, 401),
        ({"role": "operator"}, 200),
        (None, 401),
    ],
)
async def test_changes_of_a_user_count_at_once(
    guarded: tuple[MemoryService, Client], change: dict[str, Any] | None, after: int
) -> None:
    """Disabling, a new password and removal end the sessions; a new role is there with the next request."""
    memory, client = guarded
    access, boss = await sign_in(client), bearing(await sign_in(client, "boss"))
    path = next(f"/users/{user.id}" for user in memory.database.users.values() if user.username == "anna")
    if change is None:
        assert (await client.delete(path, headers=boss)).status_code == 204
    else:
        assert (await client.patch(path, json=change, headers=boss)).status_code == 200
    assert await status(client, access) == after
    assert (await client.post("/calls", json=CALL, headers=bearing(access))).status_code == (
        201 if after == 200 else 401
    )


async def test_users_choose_their_own_password(guarded: tuple[MemoryService, Client]) -> None:
    """Only with the old one, and then all sessions end."""
    _, client = guarded
    access = await sign_in(client)
    body = {"old_password": "wrong horse", "new_password": "another horse"}
    answer = await client.post("/auth/password", json=body, headers=bearing(access))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/old_password")
    body["old_password"] = "correct horse"
    assert (await client.post("/auth/password", json=body, headers=bearing(access))).status_code == 204
    assert await status(client, access) == 401
    assert await sign_in(client, password="another horse")


async def test_a_media_token_opens_one_call(guarded: tuple[MemoryService, Client]) -> None:
    """Its audio, waveform and download; nothing else of it and no other call, and not as a header."""
    memory, client = guarded
    call = await registered(client)
    access = await sign_in(client)
    answer = await client.post("/auth/media-token", json={"call_id": call}, headers=bearing(access))
    token = answer.json()["token"]
    for place in ("recording/audio", "recording/waveform", "download"):
        assert (await client.get(f"/calls/{call}/{place}?token={token}")).status_code == 404
        assert (await client.get(f"/calls/{SESSION}/{place}?token={token}")).status_code == 401
        assert (await client.get(f"/calls/{call}/{place}?token={access}")).status_code == 401
        both = await client.get(f"/calls/{call}/{place}?token={token}", headers=bearing(access))
        assert both.status_code == 401
    for path in (f"/calls/{call}?token={token}", f"/calls?token={token}", f"/auth/me?token={token}"):
        assert (await client.get(path)).status_code == 401
    assert await status(client, token, f"/calls/{call}/recording/audio") == 401
    memory.now += 60 * MINUTE
    assert (await client.get(f"/calls/{call}/recording/audio?token={token}")).status_code == 401
    key = await memory.add_key(Scope.CALLS_READ)
    answer = await client.post("/auth/media-token", json={"call_id": call}, headers=bearing(key))
    assert answer.status_code == 403


async def test_keys_end_with_their_date_and_their_removal(guarded: tuple[MemoryService, Client]) -> None:
    """And are shown once: lists tell only how they begin, and when they were used."""
    memory, client = guarded
    boss = bearing(await sign_in(client, "boss"))
    body = {"name": "pbx", "scopes": ["calls:read"], "expires_at": "2026-11-22T13:00:00+03:00"}
    made = (await client.post("/api-keys", json=body, headers=boss)).json()
    assert made["key"].startswith("calls_")
    assert await status(client, made["key"]) == 200
    (listed,) = (await client.get("/api-keys", headers=boss)).json()["items"]
    assert listed == {**{name: made[name] for name in listed}, "last_used_at": "2026-11-22T09:30:00Z"}
    assert made["key"] not in json.dumps(listed)
    assert listed["hint"] == made["key"][:10]
    for changed in (made["key"][:-1], made["key"] + "A", made["key"].swapcase(), "calls_"):
        assert await status(client, changed) == 401
    memory.now += 30 * MINUTE
    assert await status(client, made["key"]) == 401
    boss = bearing(await sign_in(client, "boss"))
    made = (await client.post("/api-keys", json={**body, "expires_at": None}, headers=boss)).json()
    assert await status(client, made["key"]) == 200
    assert (await client.delete(f"/api-keys/{made['id']}", headers=boss)).status_code == 204
    assert await status(client, made["key"]) == 401


async def test_listening_and_exporting_leave_a_trail(guarded: tuple[MemoryService, Client]) -> None:
    """One entry for a sitting, however many ranges; who was refused leaves none."""
    memory, client = guarded
    boss = bearing(await sign_in(client, "boss"))
    call = (await client.post("/calls", json=CALL, headers=boss)).json()["id"]
    await client.put(f"/calls/{call}/recording?filename=a.wav", content=b"RIFF" * 100, headers=boss)
    before = len(memory.database.audit)
    for bounds in ("bytes=0-9", "bytes=10-19"):
        answer = await client.get(f"/calls/{call}/recording/audio", headers=boss | {"Range": bounds})
        assert answer.status_code == 206
    await client.get("/calls/export?agent=anna&query=%2B7900", headers=boss)
    await client.get(f"/calls/{SESSION}/recording/audio", headers=boss)
    await client.get("/calls/export")
    await client.delete(f"/calls/{call}", headers=boss)
    found = [(entry.action, entry.actor.name, entry.details) for entry in memory.database.audit[before:]]
    assert found == [
        ("recording.listened", "boss", {}),
        ("calls.exported", "boss", {"query": f"agent=anna&query=sha256%3A{hashlib.sha256(b'+7900').hexdigest()}"}),
        ("call.deleted", "boss", {"recording": True}),
    ]
    page = (await client.get(f"/audit?call_id={call}&limit=1", headers=boss)).json()
    assert [item["action"] for item in page["items"]] == ["call.deleted"]
    page = (await client.get(f"/audit?call_id={call}&cursor={page['next_cursor']}", headers=boss)).json()
    assert ([item["action"] for item in page["items"]], page["next_cursor"]) == (["recording.listened"], None)


async def test_a_long_answer_ends_with_its_session(
    guarded: tuple[MemoryService, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of events is asked again, while it goes on, whether it still may; signing out cuts it off."""
    memory, client = guarded
    monkeypatch.setattr(access, "LOOK_AGAIN_SEC", 0.0)
    calls = iter([None])

    async def ended_meanwhile(session_id: SessionId) -> Any:
        if next(calls, "over") == "over":
            memory.database.sessions.clear()
        return await MemoryUsers(memory.database).session(session_id)

    good = await sign_in(client)
    users = await memory.made.get(Users)
    monkeypatch.setattr(users, "session", ended_meanwhile)
    answer = await client.get("/events/stream", headers=bearing(good))
    assert (answer.status_code, answer.text) == (200, "")
