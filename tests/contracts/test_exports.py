"""What every keeper of exports must do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from calls_adapters.memory import MemoryExports
from calls_adapters.sql import SqlExports
from calls_core.call import CallStatus
from calls_core.errors import ExportNotFound, IdempotencyKeyInUse, LeaseLost, Reason, UploadExpired
from calls_core.events import EventType
from calls_core.exports import (
    BUILD_ATTEMPTS,
    VOIDED,
    Archive,
    Export,
    ExportClaim,
    ExportContent,
    ExportId,
    ExportState,
)
from calls_core.hearing import Hears
from calls_core.ports import Answer, Exports, KeyClaim, Receipt
from calls_core.recording import CallId
from calls_core.search import CallFilter
from tests.contracts.worlds import MINUTE, START, World

pytestmark = pytest.mark.anyio

ARCHIVE = Archive(storage_key="aa/zip", size_bytes=6_000_000_000, sha256="ab" * 32)
WANTED = CallFilter.checked(
    query="+7900", text='"two words" -else', status=CallStatus.READY, started_from=START, min_duration=1.5
)
WEEK = timedelta(days=7)


def export(world: World, owner: str = "anna", **changes: Any) -> Export:
    made = Export(
        id=ExportId(world.new_id()),
        owner=owner,
        wanted=WANTED,
        contents=frozenset({ExportContent.AUDIO, ExportContent.METADATA}),
        hears=Hears.REDACTED,
        created_at=world.clock.now,
        expires_at=world.clock.now + WEEK,
    )
    return replace(made, **changes)


async def claimed(world: World, worker: str = "w1") -> ExportClaim:
    claim = await world.exports.claim(worker, MINUTE)
    assert claim is not None
    return claim


async def test_an_export_is_kept_as_it_was_ordered(world: World) -> None:
    """With its filter, or the calls that were named."""
    by_filter = export(world)
    by_name = export(world, wanted=CallFilter(), call_ids=(CallId(world.new_id()), CallId(world.new_id())))
    for ordered in (by_filter, by_name):
        await world.exports.add(ordered)
        assert await world.exports.get(ordered.id) == ordered
    with pytest.raises(ExportNotFound):
        await world.exports.get(ExportId(world.new_id()))


async def test_the_latest_come_first(world: World) -> None:
    """Those of one owner, or of everybody."""
    for owner in ("anna", "boris", "anna"):
        await world.exports.add(export(world, owner))
    everybody = [one.owner for one in await world.exports.latest(10)]
    assert everybody == ["anna", "boris", "anna"]
    latest = await world.exports.latest(1, "anna")
    assert [one.id for one in latest] == [max(one.id for one in await world.exports.latest(10, "anna"))]


async def test_the_answer_is_kept_with_the_export(world: World) -> None:
    """A repetition finds it; an order whose claim was lost is not stored."""
    answer = Answer(payload_sha256="00", status=202, location="/exports/1", body="{}")
    claim = await world.keys.claim("anna", "key", MINUTE)
    assert isinstance(claim, KeyClaim)
    await world.exports.add(export(world), Receipt(claim, answer))
    assert await world.keys.claim("anna", "key", MINUTE) == answer
    with pytest.raises(IdempotencyKeyInUse):
        await world.exports.add(export(world), Receipt(claim, answer))
    assert len(await world.exports.latest(10)) == 1


async def test_one_worker_at_a_time_has_it(world: World) -> None:
    """The oldest is claimed first; a lease that has ended, or that of a dead worker, fences its holder off."""
    first, second = export(world), export(world)
    await world.exports.add(first)
    await world.exports.add(second)
    claim = await claimed(world)
    assert (claim.export.id, claim.export.state, claim.export.attempt) == (first.id, ExportState.RUNNING, 1)
    assert (await claimed(world, "w2")).export.id == second.id
    assert await world.exports.claim("w3", MINUTE) is None
    assert set(await world.exports.holders()) == {"w1", "w2"}

    await world.exports.renew(claim, MINUTE * 3, 5, 10)
    found = await world.exports.get(first.id)
    assert (found.calls_done, found.calls_total) == (5, 10)
    await world.exports.end_leases(["w2"])
    assert (await claimed(world, "w3")).export.id == second.id
    world.clock.advance(MINUTE * 3)
    again = {(await claimed(world, "w4")).export.id, (await claimed(world, "w4")).export.id}
    assert again == {first.id, second.id}
    assert (await world.exports.get(first.id)).calls_done == 0
    for write in (
        world.exports.renew(claim, MINUTE, 1, 1),
        world.exports.finish(claim, ARCHIVE, 1),
        world.exports.fail(claim, Reason("x", "y")),
        world.exports.put_back(claim, MINUTE, burn_attempt=True),
    ):
        with pytest.raises(LeaseLost):
            await write


async def test_a_finished_export_has_its_archive(world: World) -> None:
    """The hold is taken away by the same transaction; without one, nothing is finished."""
    await world.exports.add(export(world))
    claim = await claimed(world)
    with pytest.raises(UploadExpired):
        await world.exports.finish(claim, ARCHIVE, 3)
    assert (await world.exports.get(claim.export.id)).archive is None

    await world.holds.hold(ARCHIVE.storage_key, MINUTE)
    await world.exports.finish(claim, ARCHIVE, 3)

    found = await world.exports.get(claim.export.id)
    assert (found.state, found.archive, found.calls_done, found.calls_total) == (ExportState.DONE, ARCHIVE, 3, 3)
    world.clock.advance(MINUTE)
    assert await world.holds.expired(10, MINUTE) == []
    assert await world.exports.claim("w2", MINUTE) is None


async def test_an_archive_goes_with_a_call_that_is_in_it(world: World) -> None:
    """Erasing voids those that are done and begins anew those in the making, unless it was retention that erased."""
    call, old = await world.added(), await world.added()
    for key in ("aa/done", "aa/other"):
        await world.exports.add(export(world))
        await world.holds.hold(key, MINUTE)
    done, other = await claimed(world), await claimed(world)
    await world.exports.enclose(done, [call.id, old.id, CallId(world.new_id())])
    await world.exports.enclose(done, [call.id])
    await world.exports.finish(done, replace(ARCHIVE, storage_key="aa/done"), 2)
    await world.exports.finish(other, replace(ARCHIVE, storage_key="aa/other"), 2)
    await world.exports.add(export(world))
    making = await claimed(world)
    await world.exports.enclose(making, [call.id])

    await world.calls.erase(old.id, world.event(old.id, EventType.CALL_DELETED), archives=False)
    assert (await world.exports.get(done.export.id)).state is ExportState.DONE
    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))

    found = await world.exports.get(done.export.id)
    assert (found.state, found.archive, found.failure) == (ExportState.FAILED, None, VOIDED)
    assert found.wanted == CallFilter()  # which may have been the number that was erased
    assert await world.holds.doomed(10) == ["aa/done"]
    assert (await world.exports.get(other.export.id)).state is ExportState.DONE
    for write in (world.exports.finish(making, ARCHIVE, 1), world.exports.enclose(making, [])):
        with pytest.raises(LeaseLost):
            await write
    again = await claimed(world)
    assert (again.export.id, again.export.attempt) == (making.export.id, 1)


async def test_one_that_was_put_back_is_due_later(world: World) -> None:
    """An outage gives its attempt back, an error does not."""
    await world.exports.add(export(world))
    await world.exports.put_back(await claimed(world), MINUTE, burn_attempt=False)
    assert await world.exports.claim("w1", MINUTE) is None
    world.clock.advance(MINUTE)
    claim = await claimed(world)
    assert claim.export.attempt == 1
    await world.exports.put_back(claim, timedelta(0), burn_attempt=True)
    assert (await claimed(world)).export.attempt == 2


async def test_one_that_kills_its_workers_ends(world: World) -> None:
    """After a bounded number of claims it can only fail."""
    await world.exports.add(export(world))
    reason = Reason("worker-lost", "they died")
    for _ in range(BUILD_ATTEMPTS):
        await claimed(world)
        assert await world.exports.give_up(reason) == 0
        world.clock.advance(MINUTE)
    assert await world.exports.claim("w1", MINUTE) is None
    assert await world.exports.give_up(reason) == 1
    [found] = await world.exports.latest(1)
    assert (found.state, found.failure) == (ExportState.FAILED, reason)


async def test_what_is_removed_leaves_its_bytes_to_the_sweep(world: World) -> None:
    """By hand, or when it has expired, finished or not."""
    by_hand, expiring, kept = export(world), export(world), export(world, expires_at=START + WEEK * 2)
    for ordered in (by_hand, expiring, kept):
        await world.exports.add(ordered)
    for number in range(2):
        claim = await claimed(world)
        archive = Archive(storage_key=f"aa/{number}", size_bytes=1, sha256="00")
        await world.holds.hold(archive.storage_key, MINUTE)
        await world.exports.finish(claim, archive, 0)

    await world.exports.remove(by_hand.id)
    with pytest.raises(ExportNotFound):
        await world.exports.remove(by_hand.id)
    assert await world.exports.remove_expired(10) == 0
    world.clock.advance(WEEK)
    assert await world.exports.remove_expired(10) == 1

    assert await world.exports.latest(10) == [kept]
    assert set(await world.holds.doomed(10)) == {"aa/0", "aa/1"}


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(Exports.__subclasses__()) == {MemoryExports, SqlExports}
