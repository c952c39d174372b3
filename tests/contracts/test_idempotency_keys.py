"""What every keeper of idempotency keys must do."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test

from calls_core.call import Call
from calls_core.errors import IdempotencyKeyInUse, IntakePaused
from calls_core.ports import ANSWERS_KEPT, Answer, IntakeState, KeyClaim, KeyedAnswer, Receipt
from tests.contracts.worlds import MINUTE, World, standing_world

pytestmark = pytest.mark.anyio

ANSWER = Answer(payload_sha256="ab" * 32, status=201, location="/calls/1", body='{"caller": "Ёж"}')


async def claimed(world: World, key: str = "k", owner: str = "me") -> KeyClaim:
    claim = await world.keys.claim(owner, key, MINUTE)
    assert isinstance(claim, KeyClaim)
    return claim


def keyed(answer: Answer = ANSWER, key: str = "k") -> KeyedAnswer:
    return KeyedAnswer("me", key, answer)


async def test_one_of_two_has_the_key(world: World) -> None:
    """The other is told to wait; of another owner it is another key."""
    await claimed(world)
    with pytest.raises(IdempotencyKeyInUse):
        await world.keys.claim("me", "k", MINUTE)
    await claimed(world, owner="you")


async def test_an_answer_is_kept_with_what_it_tells_of(world: World) -> None:
    """Whichever method stores it; and goes with the call."""
    call = world.new_call()
    assert await world.calls.add_once(call, [world.event(call.id)], keyed()) == call
    assert await world.keys.claim("me", "k", MINUTE) == ANSWER
    pulled = world.new_call()
    await world.calls.add_pulled(pulled, world.job(pulled.id), [], Receipt(await claimed(world, "pulled"), ANSWER))
    ingested = await world.acceptance(world.new_call())
    await world.calls.ingest(_with(ingested, await claimed(world, "ingested")))
    attached = await world.acceptance(call)
    await world.calls.attach(_with(attached, await claimed(world, "attached")))
    for key in ("pulled", "ingested", "attached"):
        assert await world.keys.claim("me", key, MINUTE) == ANSWER

    await world.calls.erase(call.id, world.event(call.id))

    assert isinstance(await world.keys.claim("me", "k", MINUTE), KeyClaim)
    assert isinstance(await world.keys.claim("me", "attached", MINUTE), KeyClaim)
    assert await world.keys.claim("me", "ingested", MINUTE) == ANSWER


def _with(acceptance: Any, claim: KeyClaim) -> Any:
    return replace(acceptance, receipt=Receipt(claim, ANSWER))


async def test_who_lost_the_claim_stores_nothing(world: World) -> None:
    """A request that slept past its lease cannot make a second call when it wakes up."""
    slow = await claimed(world)
    world.clock.advance(MINUTE)
    await claimed(world)
    call = world.new_call()

    with pytest.raises(IdempotencyKeyInUse):
        await world.calls.add_pulled(call, world.job(call.id), [world.event(call.id)], Receipt(slow, ANSWER))
    acceptance = await world.acceptance(world.new_call())
    with pytest.raises(IdempotencyKeyInUse):
        await world.calls.ingest(_with(acceptance, slow))

    assert await world.events() == []
    await world.keys.release(slow)
    with pytest.raises(IdempotencyKeyInUse):
        await world.keys.claim("me", "k", MINUTE)


async def test_a_taken_external_id_keeps_no_answer(world: World) -> None:
    """Nothing was made, so the key is free for another try."""
    await world.added(external_id="x")
    claim = await claimed(world)
    call = world.new_call(external_id="x")
    await world.calls.add_pulled(call, world.job(call.id), [world.event(call.id)], Receipt(claim, ANSWER))
    await world.keys.release(claim)
    await world.calls.add_once(call, [world.event(call.id)], keyed())
    await claimed(world)


async def test_a_key_that_nobody_claimed_is_answered_once(world: World) -> None:
    """The first answer is given again, even while the intake is paused; a claimed key is waited for; one that is over
    is as good as new."""
    call, other = world.new_call(), world.new_call()
    assert await world.calls.add_once(call, [world.event(call.id)], keyed()) == call
    await world.intake.set(IntakeState(accepting=False))
    assert await world.calls.add_once(other, [], keyed(replace(ANSWER, body="{}"))) == ANSWER
    with pytest.raises(IntakePaused):
        await world.calls.add_once(other, [], keyed(key="new"))
    await world.intake.set(IntakeState())
    claim = await claimed(world, "claimed")
    with pytest.raises(IdempotencyKeyInUse):
        await world.calls.add_once(other, [], keyed(key="claimed"))
    assert [event.call_id for event in await world.events()] == [call.id]

    world.clock.advance(ANSWERS_KEPT)
    late = world.new_call()
    assert await world.calls.add_once(late, [], keyed()) == late
    await world.keys.release(claim)
    assert await world.calls.add_once(world.new_call(), [], keyed()) == ANSWER


async def test_many_who_come_with_one_key_make_one_call(world: World) -> None:
    """All of them get the answer to the one that was first."""
    calls = [world.new_call() for _ in range(8)]
    answers = [replace(ANSWER, body=f'"{call.id}"') for call in calls]
    got = await asyncio.gather(
        *(
            world.calls.add_once(call, [world.event(call.id)], keyed(answer))
            for call, answer in zip(calls, answers, strict=True)
        )
    )
    made = [call for call in got if isinstance(call, Call)]
    assert [event.call_id for event in await world.events()] == [call.id for call in made]
    assert len(made) == 1
    assert {answer.body for answer in got if isinstance(answer, Answer)} == {f'"{made[0].id}"'}


async def test_keys_are_forgotten_when_they_are_over(world: World) -> None:
    """Claims and answers alike, and only those, in portions."""
    call = world.new_call()
    await world.calls.add_once(call, [world.event(call.id)], keyed(key="answered"))
    claims = [await claimed(world, key) for key in ("a", "b", "c")]
    world.clock.advance(MINUTE * 2)
    await world.keys.renew(claims[2], MINUTE)
    assert await world.keys.forget(10, MINUTE * 2) == 0
    assert [await world.keys.forget(1, MINUTE), await world.keys.forget(10, MINUTE)] == [1, 1]
    world.clock.advance(ANSWERS_KEPT)
    assert await world.keys.forget(10, timedelta(0)) == 2


class Keys(RuleBasedStateMachine):
    """Requests claim two keys, sleep, answer and give up in any order; at most one of a key's requests answers."""

    world: World
    run: Any
    claims: Any = Bundle("claims")

    @initialize()
    def begin(self) -> None:
        self.run(self.world.clear())
        self.answers: dict[str, Answer] = {}
        self.ends: dict[str, Any] = {}
        self.holders: dict[str, KeyClaim] = {}

    @rule(target=claims, key=st.sampled_from(["k", "l"]))
    def claim(self, key: str) -> KeyClaim | None:
        now = self.world.clock()
        free = key not in self.ends or self.ends[key] <= now
        try:
            found = self.run(self.world.keys.claim("me", key, MINUTE))
        except IdempotencyKeyInUse:
            assert not free
            assert key not in self.answers
            return None
        if isinstance(found, Answer):
            assert not free
            assert found == self.answers[key]
            return None
        assert free
        self.answers.pop(key, None)
        self.holders[key], self.ends[key] = found, now + MINUTE
        return found

    @rule(claim=consumes(claims), number=st.integers(0, 9))
    def answer(self, claim: KeyClaim | None, number: int) -> None:
        if claim is None:
            return
        answer = Answer(payload_sha256=str(number), status=201, location=None, body="{}")
        call = self.world.new_call()
        may = self.holders.get(claim.key) == claim
        try:
            self.run(self.world.calls.add_pulled(call, self.world.job(call.id), [], Receipt(claim, answer)))
        except IdempotencyKeyInUse:
            assert not may
        else:
            assert may
            self.answers[claim.key] = answer
            self.ends[claim.key] = self.world.clock() + ANSWERS_KEPT
            del self.holders[claim.key]

    @rule(key=st.sampled_from(["k", "l"]), number=st.integers(0, 9))
    def answer_unclaimed(self, key: str, number: int) -> None:
        now = self.world.clock()
        free = key not in self.ends or self.ends[key] <= now
        answer = Answer(payload_sha256=str(number), status=201, location=None, body="{}")
        call = self.world.new_call()
        try:
            got = self.run(self.world.calls.add_once(call, [], KeyedAnswer("me", key, answer)))
        except IdempotencyKeyInUse:
            assert not free
            assert key not in self.answers
        else:
            assert got == (call if free else self.answers[key])
            if free:
                self.answers[key], self.ends[key] = answer, now + ANSWERS_KEPT
                self.holders.pop(key, None)

    @rule(claim=consumes(claims))
    def give_up(self, claim: KeyClaim | None) -> None:
        if claim is None:
            return
        self.run(self.world.keys.release(claim))
        if self.holders.get(claim.key) == claim:
            del self.holders[claim.key], self.ends[claim.key]

    @rule(claim=claims)
    def renew(self, claim: KeyClaim | None) -> None:
        if claim is None:
            return
        self.run(self.world.keys.renew(claim, MINUTE))
        if self.holders.get(claim.key) == claim:
            self.ends[claim.key] = self.world.clock() + MINUTE

    @rule(minutes=st.sampled_from([0.5, 1, 24 * 60]))
    def sleep(self, minutes: float) -> None:
        self.world.clock.advance(MINUTE * minutes)


@pytest.fixture
def machine(database_url: str | None) -> Iterator[type[Keys]]:
    with standing_world(database_url) as (world, run):
        yield type("KeysOfOne", (Keys,), {"world": world, "run": staticmethod(run)})


@pytest.mark.thorough
def test_any_order_of_requests_answers_once(machine: type[Keys]) -> None:
    """Claims, answers, renewals, releases and sleeps in any order keep to the model."""
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=30))
