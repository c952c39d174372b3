"""What every call repository must do with recordings: all of one is accepted, or nothing."""

import asyncio
from dataclasses import replace

import pytest

from calls_core.call import CallStatus
from calls_core.errors import (
    CallNotFound,
    RecordingExists,
    RecordingNotFound,
    UploadExpired,
)
from calls_core.events import EventType
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio


async def test_attaches_a_recording(world: World) -> None:
    """Call, recording, steps, job and events are there at once, and the hold is gone."""
    acceptance = await world.attached()

    assert await world.calls.get(acceptance.call.id) == acceptance.call
    assert await world.calls.recording(acceptance.call.id) == acceptance.recording
    assert (await world.claimed()).job == replace(acceptance.job, attempt=1)
    assert acceptance.events[0] in await world.events()
    world.clock.advance(MINUTE * 5)
    assert await world.holds.expired(10, MINUTE) == []


async def test_a_recording_may_have_no_steps(world: World) -> None:
    """Without analyzers there is still a recording."""
    acceptance = await world.acceptance(await world.added(), plan=())
    await world.calls.attach(acceptance)

    assert await world.calls.recording(acceptance.call.id) == acceptance.recording


async def test_a_call_has_one_recording(world: World) -> None:
    """The second is told so, whether or not it has seen the call as it is now, and nothing of it is stored."""
    first = await world.attached()
    blind = await world.acceptance(replace(first.call, status=CallStatus.CREATED, version=0))
    seeing = await world.acceptance(replace(first.call, status=CallStatus.CREATED))

    for second in (blind, seeing):
        with pytest.raises(RecordingExists):
            await world.calls.attach(second)

    assert await world.calls.get(first.call.id) == first.call
    assert await world.calls.recording(first.call.id) == first.recording
    assert await world.jobs.depth() == {"queued": 1, "running": 0}
    world.clock.advance(MINUTE)
    assert set(await world.holds.expired(10, MINUTE)) == {blind.held_key, seeing.held_key}


async def test_of_many_uploads_at_once_one_wins(world: World) -> None:
    """Eight uploads for one call: one is accepted, seven are told that there is a recording."""
    call = await world.added()
    acceptances = [await world.acceptance(call) for _ in range(8)]

    outcomes = await asyncio.gather(*map(world.calls.attach, acceptances), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType"] + ["RecordingExists"] * 7
    winner = acceptances[outcomes.index(None)]
    assert await world.calls.recording(call.id) == winner.recording
    assert await world.jobs.depth() == {"queued": 1, "running": 0}


async def test_refuses_a_recording_for_a_call_that_is_gone(world: World) -> None:
    """A call may be erased while its bytes are on their way."""
    call = await world.added()
    acceptance = await world.acceptance(call)
    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))

    with pytest.raises(CallNotFound):
        await world.calls.attach(acceptance)


async def test_refuses_bytes_that_the_sweep_has_taken(world: World) -> None:
    """Once a hold was seen expired, its bytes can become no recording; before that they can, however late."""
    late, lost = await world.acceptance(await world.added()), await world.acceptance(await world.added())
    await world.holds.hold(late.held_key, MINUTE * 60)
    world.clock.advance(MINUTE * 5)
    assert await world.holds.expired(10, MINUTE) == [lost.held_key]
    await world.holds.hold(late.held_key, -MINUTE)

    await world.calls.attach(late)
    with pytest.raises(UploadExpired):
        await world.calls.attach(lost)

    assert (await world.calls.get(lost.call.id)).status is CallStatus.CREATED
    with pytest.raises(RecordingNotFound):
        await world.calls.recording(lost.call.id)


async def test_ingests_call_and_recording_in_one(world: World) -> None:
    """Either all of it is stored or nothing."""
    acceptance = await world.acceptance(world.new_call(external_id="crm-1", tags=["vip"]))

    assert await world.calls.ingest(acceptance) == acceptance.call

    assert await world.calls.get(acceptance.call.id) == acceptance.call
    assert await world.calls.recording(acceptance.call.id) == acceptance.recording
    assert (await world.claimed()).job == replace(acceptance.job, attempt=1)


async def test_ingest_gives_back_the_holder_of_the_external_id(world: World) -> None:
    """Then the hold stays, for the sweep to clear the bytes."""
    holder = await world.added(external_id="crm-1")
    acceptance = await world.acceptance(world.new_call(external_id="crm-1"))

    assert await world.calls.ingest(acceptance) == holder
    assert await world.calls.holder("crm-1") == holder
    assert await world.calls.holder("crm-2") is None

    with pytest.raises(CallNotFound):
        await world.calls.get(acceptance.call.id)
    world.clock.advance(MINUTE)
    assert await world.holds.expired(10, MINUTE) == [acceptance.held_key]


async def test_ingest_refuses_bytes_that_the_sweep_has_taken(world: World) -> None:
    """And stores no call for them."""
    acceptance = await world.acceptance(world.new_call())
    world.clock.advance(MINUTE)
    await world.holds.expired(10, MINUTE)

    with pytest.raises(UploadExpired):
        await world.calls.ingest(acceptance)

    with pytest.raises(CallNotFound):
        await world.calls.get(acceptance.call.id)
    assert await world.events() == []
