"""What whoever holds a claim may write, and nobody else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from calls_core.call import CallStatus
from calls_core.errors import LeaseLost, Reason, RecordingNotFound, UploadExpired
from calls_core.events import EventType
from calls_core.job import PullSource
from calls_core.recording import CallId, StoredCopy
from calls_core.search import CallFilter, PageRequest
from tests.contracts.worlds import FACTS, MINUTE, SIGNAL, TRANSCRIPT, World

pytestmark = pytest.mark.anyio

OUTAGE = Reason("storage-unavailable", "the disk is full")
DAY = timedelta(hours=24)


async def test_a_fenced_worker_can_write_nothing(world: World) -> None:
    """Whatever it tries is refused and changes nothing."""
    acceptance = await world.attached()
    old = await world.claimed("w1")
    world.clock.advance(MINUTE)
    await world.jobs.requeue_expired()
    await world.claimed("w2")
    depth, events = await world.jobs.depth(), await world.events()
    done = acceptance.recording.begin("signal", world.clock.now).complete("signal", SIGNAL, world.clock.now)
    failed = done.fail_unfinished(OUTAGE, world.clock.now)
    pulled = replace(acceptance, recording=world.recording(acceptance.call.id))
    await world.holds.hold(pulled.held_key, MINUTE)

    for write in (
        world.jobs.renew(old, MINUTE),
        world.jobs.save_step(old, done, "signal"),
        world.jobs.keep_copy(old, done.id, StoredCopy(pulled.held_key, 1, "ab" * 32)),
        world.jobs.put_back(old, timedelta(0), None, burn_attempt=True),
        world.jobs.accept_pulled(old, pulled),
        world.jobs.finish(
            old,
            acceptance.call.finish_processing(failed, world.clock.now),
            failed,
            [world.event(acceptance.call.id, EventType.CALL_FAILED)],
            fresh=["signal"],
        ),
    ):
        with pytest.raises(LeaseLost):
            await write

    assert await world.calls.get(acceptance.call.id) == acceptance.call
    assert await world.calls.recording(acceptance.call.id) == acceptance.recording
    assert (await world.jobs.depth(), await world.events()) == (depth, events)
    await world.holds.renew(pulled.held_key, MINUTE)


async def test_saves_a_step_and_its_finding(world: World) -> None:
    """Only that step, and its finding only when it is done."""
    acceptance = await world.attached()
    claim = await world.claimed()
    running = acceptance.recording.begin("signal", world.clock.now)

    await world.jobs.save_step(claim, running, "signal")
    assert await world.calls.recording(acceptance.call.id) == running

    world.clock.advance(MINUTE / 2)
    done = running.complete("signal", SIGNAL, world.clock.now)
    both = done.begin("ai", world.clock.now).complete("ai", TRANSCRIPT, world.clock.now)
    await world.jobs.save_step(claim, both, "signal")
    assert await world.calls.recording(acceptance.call.id) == done

    await world.jobs.save_step(claim, both, "ai")
    assert await world.calls.recording(acceptance.call.id) == both


async def test_a_failed_step_keeps_the_finding_from_before(world: World) -> None:
    """What was found once stays until something better comes."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT})
    reset = (await world.calls.recording(call.id)).reset((), ["ai"], world.clock.now, force=True)
    await world.calls.reprocess(call.begin_processing(world.clock.now), reset, world.job(call.id), [])
    claim = await world.claimed()
    failed = reset.begin("ai", world.clock.now).fail("ai", OUTAGE, world.clock.now)

    await world.jobs.save_step(claim, failed, "ai")

    assert await world.calls.recording(call.id) == failed
    assert failed.findings["ai"] == TRANSCRIPT


async def test_finishing_saves_everything(world: World) -> None:
    """Call, steps, the fresh findings and the events; the job is done and nobody can claim it again."""
    acceptance = await world.attached()
    claim = await world.claimed()
    recording = acceptance.recording.begin("signal", world.clock.now).complete("signal", SIGNAL, world.clock.now)
    recording = recording.begin("ai", world.clock.now).fail("ai", OUTAGE, world.clock.now)
    call = acceptance.call.finish_processing(recording, world.clock.now)
    event = world.event(call.id, EventType.CALL_FAILED)

    await world.jobs.finish(claim, call, recording, [event], fresh=["signal", "ai"])

    assert await world.calls.get(call.id) == call
    assert (call.status, call.duration_sec, call.silence_sec) == (CallStatus.FAILED, 2.5, 0.75)
    assert await world.calls.recording(call.id) == recording
    assert event in await world.events()
    assert await world.jobs.depth() == {"queued": 0, "running": 0}
    world.clock.advance(DAY * 2)
    assert await world.jobs.claim("w2", MINUTE, claim.job.id) is None
    assert await world.jobs.claim_hopeless("w2", MINUTE) is None
    with pytest.raises(LeaseLost):
        await world.jobs.finish(claim, call, recording, [event])


async def test_findings_that_are_not_fresh_are_left_alone(world: World) -> None:
    """They were stored when they were made."""
    acceptance = await world.attached()
    claim = await world.claimed()
    first = acceptance.recording.begin("signal", world.clock.now).complete("signal", SIGNAL, world.clock.now)
    await world.jobs.save_step(claim, first, "signal")
    last = first.begin("ai", world.clock.now).complete("ai", FACTS, world.clock.now)

    await world.jobs.finish(claim, acceptance.call.finish_processing(last, world.clock.now), last, [], fresh=["ai"])

    assert await world.calls.recording(acceptance.call.id) == last


async def test_found_tags_are_searched_like_given_ones(world: World) -> None:
    """The call has both, each once, and is found by both; the given ones stay what the business system said."""
    mood = replace(FACTS, tags=("жалоба", "vip", "5 % off"))
    call = await world.finished({"signal": SIGNAL, "ai": mood}, tags=["vip", "shop-7"])

    stored = await world.calls.get(call.id)

    assert stored == call
    assert (stored.details.tags, stored.tags) == (("vip", "shop-7"), ("vip", "shop-7", "жалоба", "5 % off"))
    for tag in stored.tags:
        page = await world.search.page(CallFilter.checked(tag=tag), PageRequest())
        assert [found.tags for found in page.items] == [stored.tags]


async def test_found_tags_are_replaced_and_given_ones_stay(world: World) -> None:
    """While the call is processed again it has its old tags; then it is found by the new ones only."""
    call = await world.finished({"signal": SIGNAL, "ai": replace(FACTS, tags=("old", "vip"))}, tags=["vip"])
    other = await world.finished({"ai": replace(FACTS, tags=("old",))})
    reset = (await world.calls.recording(call.id)).reset((), ["ai"], world.clock.now, force=True)
    again = call.begin_processing(world.clock.now)
    await world.calls.reprocess(again, reset, world.job(call.id), [])

    async def found(tag: str) -> set[CallId]:
        return {call.id for call in (await world.search.page(CallFilter.checked(tag=tag), PageRequest())).items}

    assert (await world.calls.get(call.id)).tags == ("vip", "old")
    assert await found("old") == {call.id, other.id}

    claim = await world.claimed()
    done = reset.begin("ai", world.clock.now).complete("ai", replace(FACTS, tags=("new",)), world.clock.now)
    await world.jobs.finish(claim, again.finish_processing(done, world.clock.now), done, [], fresh=["ai"])

    assert (await world.calls.get(call.id)).tags == ("vip", "new")
    assert await found("old") == {other.id}
    assert await found("vip") == await found("new") == {call.id}


async def test_a_pulled_recording_is_stored_by_the_claim_holder(world: World) -> None:
    """Call and job stay as they are, so that the worker goes on under its lease."""
    call = world.new_call().begin_processing(world.clock.now)
    job = world.job(call.id, source=PullSource("https://pbx.example/1.wav", "1.wav"))
    await world.calls.add_pulled(call, job, [])
    claim = await world.claimed()
    prepared = await world.acceptance(replace(call, status=CallStatus.CREATED))
    pulled = replace(prepared, call=call, job=claim.job)

    await world.jobs.accept_pulled(claim, pulled)

    assert await world.calls.get(call.id) == call
    assert await world.calls.recording(call.id) == pulled.recording
    assert list(await world.events()) == list(pulled.events)
    await world.jobs.renew(claim, MINUTE)


async def test_refuses_pulled_bytes_that_the_sweep_has_taken(world: World) -> None:
    """Then nothing is stored, and the lease goes on."""
    call = world.new_call().begin_processing(world.clock.now)
    await world.calls.add_pulled(call, world.job(call.id, source=PullSource("https://pbx.example/1.wav", "1.wav")), [])
    claim = await world.claimed()
    pulled = await world.acceptance(replace(call, status=CallStatus.CREATED))
    world.clock.advance(MINUTE)
    await world.holds.expired(10, MINUTE)

    with pytest.raises(UploadExpired):
        await world.jobs.accept_pulled(claim, pulled)

    with pytest.raises(RecordingNotFound):
        await world.calls.recording(call.id)
    await world.jobs.renew(claim, MINUTE)


async def test_a_pull_that_fails_for_good_ends_without_a_recording(world: World) -> None:
    """The call is failed and there is no recording."""
    call = world.new_call().begin_processing(world.clock.now)
    await world.calls.add_pulled(call, world.job(call.id, source=PullSource("https://pbx.example/1.wav", "1.wav")), [])
    failed = call.fail(Reason("source-refused", "it answered 404"), world.clock.now)

    await world.jobs.finish(await world.claimed(), failed, None, [world.event(call.id, EventType.CALL_FAILED)])

    assert await world.calls.get(call.id) == failed


async def test_what_no_database_can_store_is_replaced(world: World) -> None:
    """A plugin's words may hold NUL and half characters; they must not keep its job from ending."""
    acceptance = await world.attached()
    nasty = Reason("analyzer-crashed", "a\0b\ud800c")
    said = replace(TRANSCRIPT, text="yes\0 \udfffno", caveat=nasty)
    recording = acceptance.recording.begin("signal", world.clock.now).fail("signal", nasty, world.clock.now)
    recording = recording.begin("ai", world.clock.now).complete("ai", said, world.clock.now)
    call = acceptance.call.finish_processing(recording, world.clock.now)

    await world.jobs.finish(await world.claimed(), call, recording, [], fresh=["ai"])

    stored = await world.calls.recording(call.id)
    assert stored.transcript is not None
    assert stored.transcript.text.startswith("yes")
    assert stored.step("signal").error is not None
    assert stored.failure is not None
    assert stored.failure.code == "analyzer-crashed"


async def test_a_redacted_copy_takes_the_place_of_the_one_before(world: World) -> None:
    """Its hold is taken in the same transaction, the old bytes are the sweep's, and no later write loses it."""
    acceptance = await world.attached()
    recording, claim = acceptance.recording, await world.claimed()
    first, second = StoredCopy("aa/first", 10, "ab" * 32), StoredCopy("aa/second", 5_000_000_000, "cd" * 32)
    with pytest.raises(UploadExpired):
        await world.jobs.keep_copy(claim, recording.id, first)
    for copy in (first, second):
        await world.holds.hold(copy.storage_key, MINUTE)
        await world.jobs.keep_copy(claim, recording.id, copy)
        assert (await world.calls.recording(recording.call_id)).redacted_copy == copy
    assert await world.holds.doomed(10) == ["aa/first"]
    with pytest.raises(UploadExpired):
        await world.holds.renew("aa/second", MINUTE)
    now = world.clock.now
    done = replace(recording, redacted_copy=second).begin("signal", now).complete("signal", SIGNAL, now)
    await world.jobs.save_step(claim, done, "signal")
    done = done.fail_unfinished(OUTAGE, now)
    await world.jobs.finish(claim, acceptance.call.finish_processing(done, now), done, [], fresh=["signal"])
    assert (await world.calls.recording(recording.call_id)).redacted_copy == second


async def test_erasing_gives_both_files_to_the_sweep(world: World) -> None:
    """The original and the redacted copy."""
    acceptance = await world.attached()
    recording, claim = acceptance.recording, await world.claimed()
    await world.holds.hold("aa/copy", MINUTE)
    await world.jobs.keep_copy(claim, recording.id, StoredCopy("aa/copy", 10, "ab" * 32))
    await world.calls.erase(recording.call_id, world.event(recording.call_id, EventType.CALL_DELETED))
    assert set(await world.holds.doomed(10)) == {recording.storage_key, "aa/copy"}
