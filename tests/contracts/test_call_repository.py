"""What every call repository must do."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from calls_adapters.memory import MemoryCallRepository
from calls_adapters.sql import SqlCallRepository
from calls_core.call import CallStatus, Direction
from calls_core.errors import (
    CallNotFound,
    LeaseLost,
    Reason,
    RecordingExists,
    RecordingNotFound,
    StaleCall,
    UploadExpired,
)
from calls_core.events import EventType
from calls_core.job import PullSource
from calls_core.ports import CallRepository
from tests.contracts.worlds import FACTS, MINUTE, SIGNAL, TRANSCRIPT, World

pytestmark = pytest.mark.anyio


async def test_gives_back_an_equal_call(world: World) -> None:
    """A round trip changes nothing, not even a microsecond or the type of a number."""
    call = world.new_call(
        caller="sip:анна@example.com;x='\"%_\\",
        receiver="👍 102",
        started_at=datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        external_id="crm-1",
        direction=Direction.INBOUND,
        agent="Ольга",
        tags=["vip", "жалоба", "a,b"],
        metadata={"n": 10**30, "f": 0.1, "none": None, "deep": [{"x": [True, ""]}], "ключ": "значение"},
    )

    assert await world.calls.add(call, [world.event(call.id)]) == call

    found = await world.calls.get(call.id)
    assert found == call
    assert found.details.started_at.tzinfo is UTC
    assert type(found.details.metadata["f"]) is float


@pytest.mark.parametrize("year", [1, 1969, 1970, 9999])
async def test_keeps_times_of_every_century(world: World, year: int) -> None:
    """The edges of the calendar are stored and found as other times are."""
    call = await world.added(started_at=datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))

    assert await world.calls.get(call.id) == call


async def test_stores_the_events_of_a_new_call(world: World) -> None:
    """Call and events come together, each event as it was."""
    call = world.new_call(tags=["vip"])
    told = [world.event(call.id), world.event(call.id, EventType.RECORDING_ATTACHED)]

    await world.calls.add(call, told)

    assert sorted(await world.events(), key=lambda event: event.id) == sorted(told, key=lambda event: event.id)


async def test_calls_without_an_external_id_never_collide(world: World) -> None:
    """No external_id is not an external_id."""
    first, second = await world.added(), await world.added()

    assert first.id != second.id
    assert await world.calls.get(second.id) == second


async def test_an_external_id_has_one_holder(world: World) -> None:
    """Whoever comes later gets the holder back, and neither call nor event of theirs is stored."""
    holder = await world.added(external_id="crm-1")
    late = world.new_call(external_id="crm-1", caller="somebody else")

    assert await world.calls.add(late, [world.event(late.id)]) == holder
    assert await world.calls.add_pulled(late.begin_processing(world.clock.now), world.job(late.id), []) == holder

    with pytest.raises(CallNotFound):
        await world.calls.get(late.id)
    assert [event.call_id for event in await world.events()] == [holder.id]
    assert await world.jobs.depth() == {"queued": 0, "running": 0}


async def test_of_many_at_once_one_holds_the_external_id(world: World) -> None:
    """Eight clients send the same call at the same time: one is stored, and all are told the same one."""
    offered = [world.new_call(external_id="crm-1") for _ in range(8)]

    stored = await asyncio.gather(*(world.calls.add(call, [world.event(call.id)]) for call in offered))

    assert len({call.id for call in stored}) == 1
    assert len(await world.events()) == 1


async def test_stores_a_call_to_be_pulled(world: World) -> None:
    """The job comes with it, and knows from where to pull."""
    call = world.new_call(external_id="crm-1").begin_processing(world.clock.now)
    job = world.job(call.id, source=PullSource("https://pbx.example/1.wav", "1.wav"))

    assert await world.calls.add_pulled(call, job, [world.event(call.id)]) == call

    assert (await world.claimed()).job == replace(job, attempt=1)
    assert (await world.calls.get(call.id)).status is CallStatus.PROCESSING


async def test_knows_what_it_does_not_have(world: World) -> None:
    """An unknown call, and a call without a recording, are two different things."""
    call = await world.added()
    unknown = world.new_call()

    with pytest.raises(CallNotFound):
        await world.calls.get(unknown.id)
    with pytest.raises(CallNotFound):
        await world.calls.recording(unknown.id)
    with pytest.raises(RecordingNotFound):
        await world.calls.recording(call.id)
    with pytest.raises(CallNotFound):
        await world.calls.erase(unknown.id, world.event(unknown.id, EventType.CALL_DELETED))


async def test_attaches_a_recording(world: World) -> None:
    """Call, recording, steps, job and events are there at once, and the hold is gone."""
    acceptance = await world.attached()

    assert await world.calls.get(acceptance.call.id) == acceptance.call
    assert await world.calls.recording(acceptance.call.id) == acceptance.recording
    assert (await world.claimed()).job == replace(acceptance.job, attempt=1)
    assert acceptance.events[0] in await world.events()
    world.clock.advance(MINUTE * 5)
    assert await world.holds.expired(10) == []


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
    assert set(await world.holds.expired(10)) == {blind.held_key, seeing.held_key}


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
    assert await world.holds.expired(10) == [lost.held_key]
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

    with pytest.raises(CallNotFound):
        await world.calls.get(acceptance.call.id)
    world.clock.advance(MINUTE)
    assert await world.holds.expired(10) == [acceptance.held_key]


async def test_ingest_refuses_bytes_that_the_sweep_has_taken(world: World) -> None:
    """And stores no call for them."""
    acceptance = await world.acceptance(world.new_call())
    world.clock.advance(MINUTE)
    await world.holds.expired(10)

    with pytest.raises(UploadExpired):
        await world.calls.ingest(acceptance)

    with pytest.raises(CallNotFound):
        await world.calls.get(acceptance.call.id)
    assert await world.events() == []


async def test_gives_back_equal_findings(world: World) -> None:
    """Every kind of finding survives the round trip, bytes and all."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    other = await world.finished({"signal": SIGNAL, "ai": FACTS})

    assert (await world.calls.recording(call.id)).findings == {"signal": SIGNAL, "ai": TRANSCRIPT}
    assert (await world.calls.recording(other.id)).findings == {"signal": SIGNAL, "ai": FACTS}


async def test_reprocessing_keeps_findings_and_queues_again(world: World) -> None:
    """Steps are as they were reset, new analyzers included; findings stay till new ones come."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    again = call.begin_processing(world.clock.now)
    reset = (await world.calls.recording(call.id)).reset((), ["ai"], world.clock.now, force=True)
    job = world.job(call.id)

    await world.calls.reprocess(again, reset, job, [])

    assert await world.calls.get(call.id) == again
    assert await world.calls.recording(call.id) == reset
    assert (await world.claimed()).job == replace(job, attempt=1)


async def test_of_two_that_reprocess_the_second_is_stale(world: World) -> None:
    """Both have read the same version; one job is queued."""
    call = await world.finished({"signal": SIGNAL, "ai": FACTS})
    again = call.begin_processing(world.clock.now)
    recording = await world.calls.recording(call.id)
    await world.calls.reprocess(again, recording, world.job(call.id), [])

    with pytest.raises(StaleCall):
        await world.calls.reprocess(again, recording, world.job(call.id), [])
    unknown = world.new_call().begin_processing(world.clock.now)
    with pytest.raises(CallNotFound):
        await world.calls.reprocess(unknown, recording, world.job(unknown.id), [])

    assert await world.jobs.depth() == {"queued": 1, "running": 0}


async def test_erasing_leaves_a_receipt_and_nothing_else(world: World) -> None:
    """Call, recording, job and earlier events are gone; the audio waits for the next sweep; others are untouched."""
    other = await world.attached(external_id="crm-2", tags=["vip"])
    acceptance = await world.attached(external_id="crm-1", tags=["vip"])
    erased = world.event(acceptance.call.id, EventType.CALL_DELETED)

    await world.calls.erase(acceptance.call.id, erased)

    for read in (world.calls.get, world.calls.recording):
        with pytest.raises(CallNotFound):
            await read(acceptance.call.id)
    with pytest.raises(CallNotFound):
        await world.calls.erase(acceptance.call.id, erased)
    assert {event.call_id for event in await world.events()} == {other.call.id, acceptance.call.id}
    assert [event for event in await world.events() if event.call_id == acceptance.call.id] == [erased]
    assert await world.receipts() == [acceptance.call.id]
    assert await world.holds.expired(10) == [acceptance.held_key]
    assert await world.jobs.depth() == {"queued": 1, "running": 0}
    assert (await world.added(external_id="crm-1")).details.external_id == "crm-1"


async def test_a_worker_cannot_finish_what_was_erased(world: World) -> None:
    """The job went with the call."""
    acceptance = await world.attached()
    claim = await world.claimed()
    await world.calls.erase(acceptance.call.id, world.event(acceptance.call.id, EventType.CALL_DELETED))

    recording = acceptance.recording.fail_unfinished(Reason("decoder-died", "it died"), world.clock.now)
    with pytest.raises(LeaseLost):
        await world.jobs.finish(
            claim, acceptance.call.finish_processing(recording, world.clock.now), recording, [], fresh=()
        )
    with pytest.raises(LeaseLost):
        await world.jobs.save_step(claim, recording, "signal")


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(CallRepository.__subclasses__()) == {MemoryCallRepository, SqlCallRepository}
