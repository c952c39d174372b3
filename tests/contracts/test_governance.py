"""What must go and what must stay, for every adapter."""

from datetime import timedelta

import pytest

from calls_adapters.memory import MemoryErasures, MemoryLegalHolds, MemoryRetention
from calls_adapters.sql import SqlErasures, SqlLegalHolds, SqlRetention
from calls_core.audit import SYSTEM, Action, AuditEntry, AuditFilter
from calls_core.call import LegalHold
from calls_core.errors import CallNotFound, CallOnHold, ErasureNotFound, StaleCall
from calls_core.events import EventType
from calls_core.governance import ErasedCall, Erasure, ErasureId, ErasureOutcome, Kept, Overdue
from calls_core.ports import Erasures, LegalHolds, Retention
from calls_core.recording import CallId
from calls_core.search import CallFilter, PageRequest
from tests.contracts.worlds import FACTS, MINUTE, SIGNAL, START, TRANSCRIPT, World

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
HOLD = LegalHold(reason="дело № 17", since=START, by="anna")


def entry(world: World, call_id: CallId, action: Action = Action.HELD) -> AuditEntry:
    return AuditEntry(id=world.new_id(), at=world.clock.now, action=action, actor=SYSTEM, call_id=call_id)


async def actions(world: World, call_id: CallId) -> list[str]:
    return [one.action for one in await world.audit.page(AuditFilter(call_id=call_id), 50)]


async def test_a_call_on_hold_is_not_erased(world: World) -> None:
    """The hold is seen wherever the call is; lifted, it protects no longer, and lifting twice changes nothing."""
    call = await world.added()
    await world.legal_holds.place(call.id, HOLD, entry(world, call.id))
    assert (await world.calls.get(call.id)).hold == HOLD
    assert (await world.search.page(CallFilter(), PageRequest())).items[0].hold == HOLD
    with pytest.raises(CallOnHold, match="№ 17"):
        await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))
    for _ in range(2):
        await world.legal_holds.lift(call.id, entry(world, call.id, Action.HOLD_LIFTED))
    assert (await world.calls.get(call.id)).hold is None
    assert await actions(world, call.id) == ["call.hold_lifted", "call.held"]
    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))
    for change in (
        world.legal_holds.place(call.id, HOLD, entry(world, call.id)),
        world.legal_holds.lift(call.id, entry(world, call.id)),
    ):
        with pytest.raises(CallNotFound):
            await change


async def test_a_hold_outlives_what_workers_write(world: World) -> None:
    """It may come while the recording is processed."""
    acceptance = await world.attached()
    claim = await world.claimed()
    await world.legal_holds.place(acceptance.call.id, HOLD, entry(world, acceptance.call.id))
    recording = acceptance.recording.begin("signal", START).complete("signal", SIGNAL, START)
    await world.jobs.finish(claim, acceptance.call.finish_processing(recording, START), recording, [], fresh=["signal"])
    assert (await world.calls.get(acceptance.call.id)).hold == HOLD


async def test_audio_goes_and_the_rest_stays(world: World) -> None:
    """When it is old enough; its bytes are left to the sweep, and whoever has read the call before must read again."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    before = await world.calls.recording(call.id)
    world.clock.advance(DAY)
    assert await world.retention.overdue(Kept.AUDIO, START - MINUTE, 10) == []
    assert await world.retention.overdue(Kept.AUDIO, START, 10) == [call.id]
    assert await world.retention.count(Kept.AUDIO, START) == Overdue(calls=1, held=0, size_bytes=before.size_bytes)

    assert await world.retention.expire_audio(call.id, entry(world, call.id, Action.AUDIO_EXPIRED))

    found = await world.calls.recording(call.id)
    assert (found.audio_removed_at, found.findings) == (world.clock.now, before.findings)
    assert await world.holds.doomed(10) == [before.storage_key]
    assert await world.retention.overdue(Kept.AUDIO, START, 10) == []
    assert not await world.retention.expire_audio(call.id, entry(world, call.id, Action.AUDIO_EXPIRED))
    assert await actions(world, call.id) == ["recording.audio_expired"]
    with pytest.raises(StaleCall):
        await world.calls.reprocess(call.begin_processing(START), before, world.job(call.id), [])


async def test_what_was_said_goes_and_the_audio_stays(world: World) -> None:
    """With what was found in it, with what search knows of it, and with the events that quote it."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    wanted = CallFilter.checked(text="добрый")
    assert (await world.search.page(wanted, PageRequest())).total == 1

    assert await world.retention.expire_transcript(call.id, entry(world, call.id, Action.TRANSCRIPT_EXPIRED))

    found = await world.calls.recording(call.id)
    assert (set(found.findings), found.transcript_removed_at) == ({"signal"}, world.clock.now)
    assert (await world.search.page(wanted, PageRequest())).total == 0
    assert EventType.CALL_READY not in {event.type for event in await world.events() if event.call_id == call.id}
    assert await actions(world, call.id) == ["recording.transcript_expired"]
    assert await world.retention.overdue(Kept.TRANSCRIPTS, START + DAY, 10) == []


async def test_facts_go_with_the_words_that_they_were_found_in(world: World) -> None:
    """Those of analyzers that build on a transcript; others stay."""
    plain = await world.finished({"signal": SIGNAL, "ai": FACTS})
    built = await world.finished({"signal": TRANSCRIPT, "ai": FACTS})
    for call in (plain, built):
        await world.retention.expire_transcript(call.id, entry(world, call.id, Action.TRANSCRIPT_EXPIRED))
    assert set((await world.calls.recording(plain.id)).findings) == {"signal", "ai"}
    assert (await world.calls.recording(built.id)).findings == {}
    assert await actions(world, plain.id) == []


@pytest.mark.parametrize("kept", Kept)
async def test_calls_on_hold_and_in_work_keep_everything(world: World, kept: Kept) -> None:
    """Whatever the class; the oldest of the others come first."""
    held, second = await world.finished({"signal": SIGNAL}), await world.finished({"signal": SIGNAL})
    world.clock.advance(MINUTE)
    third, working = await world.finished({"signal": SIGNAL}), await world.attached()
    await world.legal_holds.place(held.id, HOLD, entry(world, held.id))
    until = START + DAY
    assert await world.retention.overdue(kept, until, 10) == [second.id, third.id]
    assert await world.retention.overdue(kept, until, 1) == [second.id]
    counted = await world.retention.count(kept, until)
    assert (counted.calls, counted.held) == (2, 1)
    for call_id in (held.id, working.call.id, CallId(world.new_id())):
        assert not await world.retention.expire_audio(call_id, entry(world, call_id))
        assert not await world.retention.expire_transcript(call_id, entry(world, call_id))
    assert await world.holds.doomed(10) == []


async def test_what_is_processed_again_may_say_something_anew(world: World) -> None:
    """Then the new transcript has its own end."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    await world.retention.expire_transcript(call.id, entry(world, call.id))
    call, recording = await world.calls.get(call.id), await world.calls.recording(call.id)
    await world.calls.reprocess(call.begin_processing(START), recording, world.job(call.id), [])
    assert (await world.calls.recording(call.id)).transcript_removed_at is None


async def test_an_erasure_keeps_its_receipt_and_forgets_the_number(world: World) -> None:
    """Its lines may be written again; when it is finished, it stays so."""
    ordered = Erasure(
        id=ErasureId(world.new_id()),
        number="+7900",
        number_sha256="ab" * 32,
        by_id="user:1",
        by_name="anna",
        created_at=START,
    )
    await world.erasures.add(ordered)
    assert await world.erasures.get(ordered.id) == ordered
    calls = [CallId(world.new_id()) for _ in range(2)]
    lines = [
        ErasedCall(call_id=calls[0], outcome=ErasureOutcome.PLANNED, at=START, sha256="cd" * 32, size_bytes=7),
        ErasedCall(call_id=calls[1], outcome=ErasureOutcome.HELD, at=START),
        ErasedCall(call_id=calls[0], outcome=ErasureOutcome.ERASED, at=START, sha256="cd" * 32, size_bytes=7),
    ]
    for line in lines:
        await world.erasures.note(ordered.id, line)
    [open_one] = await world.erasures.unfinished()
    assert open_one.calls == (lines[2], lines[1])
    await world.erasures.finish(ordered.id, START + DAY)
    await world.erasures.finish(ordered.id, START + DAY * 2)
    done = await world.erasures.get(ordered.id)
    assert (done.number, done.finished_at, done.calls) == (None, START + DAY, (lines[2], lines[1]))
    assert await world.erasures.unfinished() == []
    with pytest.raises(ErasureNotFound):
        await world.erasures.get(ErasureId(world.new_id()))


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the ports is held to this contract."""
    assert set(LegalHolds.__subclasses__()) == {MemoryLegalHolds, SqlLegalHolds}
    assert set(Retention.__subclasses__()) == {MemoryRetention, SqlRetention}
    assert set(Erasures.__subclasses__()) == {MemoryErasures, SqlErasures}
