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
    RecordingNotFound,
    StaleCall,
)
from calls_core.events import EventType
from calls_core.findings import MutedSpan, Redaction
from calls_core.job import PullSource
from calls_core.ports import CallRepository
from tests.contracts.worlds import FACTS, SIGNAL, TRANSCRIPT, World

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


async def test_gives_back_equal_findings(world: World) -> None:
    """Every kind of finding survives the round trip, bytes and all."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    other = await world.finished({"signal": SIGNAL, "ai": FACTS})
    span = MutedSpan(start_sec=0.25, end_sec=1.5, kind="card", channel=1)
    redaction = Redaction(transcript=TRANSCRIPT, spans=(span, replace(span, channel=None)))
    hidden = await world.finished({"signal": SIGNAL, "ai": redaction})

    assert (await world.calls.recording(call.id)).findings == {"signal": SIGNAL, "ai": TRANSCRIPT}
    assert (await world.calls.recording(other.id)).findings == {"signal": SIGNAL, "ai": FACTS}
    assert (await world.calls.recording(hidden.id)).findings == {"signal": SIGNAL, "ai": redaction}


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
    assert await world.holds.doomed(10) == [acceptance.held_key]
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
