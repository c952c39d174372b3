"""What every keeper of users, sessions, API keys, audit entries and counted attempts must do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from calls_adapters.memory import MemoryApiKeys, MemoryAuditLog, MemorySignInLimits, MemoryUsers
from calls_adapters.sql import SqlApiKeys, SqlAuditLog, SqlSignInLimits, SqlUsers
from calls_core.accounts import ApiKey, ApiKeyId, Role, Scope, Session, SessionId, User, UserId, fingerprint
from calls_core.audit import Actor, AuditEntry, AuditFilter
from calls_core.errors import ApiKeyNotFound, LastAdmin, UsernameTaken, UserNotFound
from calls_core.events import EventType
from calls_core.ports import ApiKeys, AuditLog, SignInLimits, Users
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio

ACTOR = Actor(id="user:1", name="анна", address="2001:db8::1")


def new_user(world: World, name: str, role: Role = Role.VIEWER, *, enabled: bool = True) -> User:
    now = world.clock.now
    return User(
        id=UserId(world.new_id()),
        username=name,
        password_hash=f"hash of {name}",
        role=role,
        enabled=enabled,
        created_at=now,
        updated_at=now,
    )


def new_session(world: World, user: User) -> Session:
    now = world.clock.now
    return Session(id=SessionId(world.new_id()), user_id=user.id, generation=1, created_at=now, refreshed_at=now)


async def added(world: World, name: str, role: Role = Role.VIEWER, *, enabled: bool = True) -> User:
    user = new_user(world, name, role, enabled=enabled)
    await world.users.add(user)
    return user


async def test_a_user_comes_back_as_it_was_added(world: World) -> None:
    """By id and by name; lists are sorted by name."""
    zoe = await added(world, "zoe", Role.OPERATOR, enabled=False)
    adam = await added(world, "adam", Role.ADMIN)

    assert await world.users.get(zoe.id) == zoe
    assert await world.users.by_name("adam") == adam
    assert await world.users.by_name("eve") is None
    assert await world.users.all() == [adam, zoe]
    with pytest.raises(UserNotFound):
        await world.users.get(UserId(world.new_id()))


async def test_a_name_belongs_to_one_user(world: World) -> None:
    """Of several added at once, one is stored."""
    offered = [new_user(world, "adam") for _ in range(5)]
    outcomes = await asyncio.gather(*(world.users.add(user) for user in offered), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes if outcome] == [UsernameTaken] * 4
    assert len(await world.users.all()) == 1


async def test_the_first_user_is_added_once(world: World) -> None:
    """Processes that start at once make one admin between them; where there are users already, none."""
    offered = [new_user(world, "admin", Role.ADMIN) for _ in range(5)]
    outcomes = await asyncio.gather(*(world.users.add_first(user) for user in offered))

    assert sorted(outcomes) == [False] * 4 + [True]
    assert [user.username for user in await world.users.all()] == ["admin"]
    assert not await world.users.add_first(new_user(world, "other", Role.ADMIN))


async def test_saving_replaces_a_user(world: World) -> None:
    """Its sessions stay, unless they shall end; those of others stay anyway."""
    await added(world, "boss", Role.ADMIN)
    user, other = await added(world, "adam"), await added(world, "zoe")
    sessions = [new_session(world, user), new_session(world, other)]
    for session in sessions:
        await world.users.begin(session, world.clock.now)
    promoted = replace(user, role=Role.OPERATOR, password_hash="another")

    await world.users.save(promoted, end_sessions=False)
    assert await world.users.session(sessions[0].id) == (sessions[0], promoted)

    await world.users.save(replace(promoted, enabled=False), end_sessions=True)
    assert await world.users.session(sessions[0].id) is None
    assert await world.users.session(sessions[1].id) == (sessions[1], other)
    with pytest.raises(UserNotFound):
        await world.users.save(new_user(world, "nobody"), end_sessions=False)


async def test_one_admin_always_stays(world: World) -> None:
    """The only one can neither be removed, disabled nor demoted; a disabled admin does not count."""
    boss = await added(world, "boss", Role.ADMIN)
    await added(world, "former", Role.ADMIN, enabled=False)
    for changed in (replace(boss, enabled=False), replace(boss, role=Role.OPERATOR)):
        with pytest.raises(LastAdmin):
            await world.users.save(changed, end_sessions=True)
    with pytest.raises(LastAdmin):
        await world.users.remove(boss.id)
    await world.users.save(replace(boss, password_hash="new"), end_sessions=True)


async def test_two_admins_cannot_remove_each_other(world: World) -> None:
    """At the same moment, one of them succeeds."""
    one, two = await added(world, "one", Role.ADMIN), await added(world, "two", Role.ADMIN)
    outcomes = await asyncio.gather(
        world.users.remove(two.id),
        world.users.save(replace(one, role=Role.VIEWER), end_sessions=False),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if outcome] == [LastAdmin]
    assert len([user for user in await world.users.all() if user.is_acting_admin]) == 1


async def test_a_removed_user_takes_the_sessions_along(world: World) -> None:
    """And gets no new one."""
    user = await added(world, "adam")
    session = new_session(world, user)
    await world.users.begin(session, world.clock.now)

    await world.users.remove(user.id)

    assert await world.users.session(session.id) is None
    with pytest.raises(UserNotFound):
        await world.users.begin(new_session(world, user), world.clock.now)
    with pytest.raises(UserNotFound):
        await world.users.remove(user.id)


async def test_a_generation_follows_once(world: World) -> None:
    """Of many that refresh at once, one is told that it did."""
    user = await added(world, "adam")
    session = new_session(world, user)
    await world.users.begin(session, world.clock.now)
    following = session.next(world.clock.now + MINUTE)

    outcomes = await asyncio.gather(*(world.users.refresh(following) for _ in range(10)))

    assert sorted(outcomes) == [False] * 9 + [True]
    assert await world.users.session(session.id) == (following, user)
    await world.users.end(session.id)
    await world.users.end(session.id)
    assert not await world.users.refresh(following.next(world.clock.now))


async def test_a_new_session_clears_forgotten_ones(world: World) -> None:
    """Only those of the same user that were not refreshed for long."""
    user, other = await added(world, "adam"), await added(world, "zoe")
    old, others = new_session(world, user), new_session(world, other)
    await world.users.begin(old, world.clock.now)
    await world.users.begin(others, world.clock.now)
    world.clock.advance(MINUTE)

    await world.users.begin(new_session(world, user), world.clock.now)

    assert await world.users.session(old.id) is None
    assert await world.users.session(others.id) is not None


async def test_a_key_is_found_by_its_secret(world: World) -> None:
    """With everything that was stored; not by a piece of it, and not once it is removed."""
    key = ApiKey(
        id=ApiKeyId(world.new_id()),
        name="АТС",
        hint="calls_AbCd",
        secret_sha256=fingerprint("calls_AbCdEf"),
        scopes=frozenset({Scope.CALLS_WRITE, Scope.EVENTS_READ}),
        created_by="user:1",
        created_at=world.clock.now,
        expires_at=world.clock.now + MINUTE,
    )
    later = replace(key, id=ApiKeyId(world.new_id()), secret_sha256=fingerprint("calls_2"), expires_at=None)
    await world.api_keys.add(key)
    await world.api_keys.add(later)

    assert await world.api_keys.by_secret(key.secret_sha256) == key
    assert await world.api_keys.by_secret(key.secret_sha256[:-1]) is None
    assert await world.api_keys.all() == [key, later]

    used_at = world.clock.now + MINUTE
    await world.api_keys.used(key.id, used_at)
    assert await world.api_keys.by_secret(key.secret_sha256) == replace(key, last_used_at=used_at)

    await world.api_keys.remove(key.id)
    await world.api_keys.used(key.id, used_at)
    assert await world.api_keys.by_secret(key.secret_sha256) is None
    with pytest.raises(ApiKeyNotFound):
        await world.api_keys.remove(key.id)


def entry(world: World, **changes: Any) -> AuditEntry:
    return replace(AuditEntry(id=world.new_id(), at=world.clock.now, action="user.added", actor=ACTOR), **changes)


async def test_the_audit_log_is_read_latest_first(world: World) -> None:
    """In pages that neither overlap nor leave anything out, filtered by action, actor and call."""
    call_id = (await world.added()).id
    entries = [entry(world, details={"user": "анна", "enabled": False}) for _ in range(5)]
    entries.append(entry(world, action="recording.listened", call_id=call_id, actor=Actor(id="key:1")))
    for each in entries:
        await world.audit.record(each)
    latest = entries[::-1]

    assert await world.audit.page(AuditFilter(), 10) == latest
    assert await world.audit.page(AuditFilter(), 4) == latest[:4]
    assert await world.audit.page(AuditFilter(), 4, latest[3].id) == latest[4:]
    for wanted in (AuditFilter(action="recording.listened"), AuditFilter(actor="key:1"), AuditFilter(call_id=call_id)):
        assert await world.audit.page(wanted, 10) == latest[:1]
    assert await world.audit.page(AuditFilter(action="nothing\0"), 10) == []


async def test_an_erased_call_leaves_who_erased_it(world: World) -> None:
    """In the transaction that erases it."""
    call = await world.added()
    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED), ACTOR)

    (receipt,) = await world.audit.page(AuditFilter(call_id=call.id), 10)
    assert (receipt.action, receipt.actor, receipt.details) == ("call.deleted", ACTOR, {"recording": False})


async def test_attempts_are_counted_within_a_window(world: World) -> None:
    """Each at the same time gets another number; when the window has passed, or on demand, counting begins anew."""
    window = timedelta(seconds=60)
    counts = await asyncio.gather(*(world.limits.count("name", window) for _ in range(5)))
    assert sorted(count for count, _ in counts) == [1, 2, 3, 4, 5]

    world.clock.advance(window / 2)
    assert await world.limits.count("name", window) == (6, window / 2)
    assert await world.limits.count("other", window) == (1, window)
    world.clock.advance(window / 2)
    assert await world.limits.count("name", window) == (1, window)
    assert await world.limits.count("other", window) == (2, window / 2)
    await world.limits.forget("name")
    assert await world.limits.count("name", window) == (1, window)


def test_no_adapter_is_left_out() -> None:
    """Every adapter of these ports is held to this contract."""
    assert set(Users.__subclasses__()) == {MemoryUsers, SqlUsers}
    assert set(ApiKeys.__subclasses__()) == {MemoryApiKeys, SqlApiKeys}
    assert set(AuditLog.__subclasses__()) == {MemoryAuditLog, SqlAuditLog}
    assert set(SignInLimits.__subclasses__()) == {MemorySignInLimits, SqlSignInLimits}
