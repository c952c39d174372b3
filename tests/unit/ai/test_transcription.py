"""What the analyzer makes of a recording when the service does its work."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from calls_adapters.ai import analyzer
from calls_adapters.ai.breaker import Breaker
from calls_adapters.ai.languages import tag_of
from calls_app.fake_ai.script import parsed
from calls_app.fake_ai.service import FakeAi
from calls_core.errors import AiUnavailable, Reason
from calls_core.findings import Transcript, faults
from calls_core.hookspecs import AiService
from calls_core.use_cases.run_step import Failed, Retry
from tests.audio_files import Samples
from tests.unit.ai.conftest import KEY, Desk, spoken

pytestmark = pytest.mark.anyio

SHORT = AiService(base_url="", api_key=KEY, timeout_sec=20, max_piece_sec=10)
DIALOGUE = spoken(40.0, [(0, 2), (8, 16), (24, 32)], [(0, 9), (15, 25), (31, 40)])


async def found(desk: Desk) -> Transcript:
    outcome = await desk.attempt()
    assert isinstance(outcome, Transcript), outcome
    return outcome


async def test_who_spoke_when() -> None:
    """Two channels are sent apart and put together by time: the speaker is the channel, words are where sound is."""
    async with (fake := FakeAi()).serving() as url:
        transcript = await found(Desk(url, DIALOGUE))
    assert list(faults(transcript)) == []
    turns = [s.channel for s in transcript.segments]
    assert turns == [0, 1, 0, 1, 0]
    assert transcript.text.count("\n") == 4
    expected = [(2, 8), (9, 15), (16, 24), (25, 31), (32, 40)]
    for segment, (start, end) in zip(transcript.segments, expected, strict=True):
        assert segment.start_sec == pytest.approx(start, abs=0.05)
        assert segment.end_sec == pytest.approx(end, abs=0.05)
        assert segment.text == " ".join(word.text for word in segment.words)
        assert all(a.end_sec <= b.start_sec for a, b in pairwise(segment.words))
        assert segment.start_sec <= segment.words[0].start_sec
        assert segment.words[-1].end_sec <= segment.end_sec
    assert transcript.language == "en"
    assert len(fake.asked) == 2


async def test_times_are_put_back_together() -> None:
    """Cut into pieces of ten seconds, everything is found at the same times; each piece is its own request."""
    async with (fake := FakeAi()).serving() as url:
        whole = await found(Desk(url, DIALOGUE))
        desk = Desk(url, DIALOGUE, service=SHORT)
        cut = await found(desk)
    times = [[(s.channel, round(s.start_sec, 1), round(s.end_sec, 1)) for s in t.segments] for t in (whole, cut)]
    assert times[0] == times[1]
    assert len(fake.asked) == 2 + 5
    assert len({asked["idempotency-key"] for asked in fake.asked}) == 7
    assert desk.shares == sorted(desk.shares)


async def test_what_is_asked_for() -> None:
    """The form is OpenAI's: model, verbose_json, both kinds of times, and the language where it is set."""
    service = AiService(base_url="", model="large-v3", language="ru", timeout_sec=20)
    async with (fake := FakeAi()).serving() as url:
        transcript = await found(Desk(url, spoken(2.0, []), service=service))
    [asked] = fake.asked
    assert asked.pop("idempotency-key")
    assert asked == {
        "model": "large-v3",
        "language": "ru",
        "response_format": "verbose_json",
        "timestamp_granularities[]": "segment,word",
    }
    assert transcript.language == "ru"


@pytest.mark.parametrize(
    ("samples", "requests", "channels"),
    [
        pytest.param(spoken(3.0, []), 1, {None}, id="mono"),
        pytest.param(spoken(3.0, [(0, 3)]), 0, set(), id="silence"),
        pytest.param(spoken(3.0, [(0, 3)], []), 1, {1}, id="one side silent"),
        pytest.param(np.repeat(spoken(3.0, []), 2, axis=0), 1, {None}, id="dual mono"),
        pytest.param(spoken(0.05, []), 0, set(), id="too short"),
    ],
)
async def test_only_what_is_worth_it_is_sent(samples: Samples, requests: int, channels: set[int | None]) -> None:
    """Silence is not paid for, nor the same thing twice."""
    async with (fake := FakeAi()).serving() as url:
        transcript = await found(Desk(url, samples))
    assert fake.requests == requests
    assert {segment.channel for segment in transcript.segments} == channels


async def test_a_caveat_is_passed_on() -> None:
    """Half a recording gives half a transcript, and says so; the pieces that are missing are not asked for."""
    truncated = Reason("truncated", "half of it")
    async with (fake := FakeAi()).serving() as url:
        desk = Desk(url, DIALOGUE[:, : 20 * 16_000], service=SHORT, caveat=truncated)
        desk.findings = Desk(url, DIALOGUE).findings
        transcript = await found(desk)
    assert transcript.caveat == truncated
    assert fake.requests == 3


async def test_pieces_that_were_answered_are_not_asked_again() -> None:
    """A later attempt goes on where the last one failed, even if the service forgets its keys."""
    async with (fake := FakeAi(parsed("ok, ok, 500"), forgetful=True)).serving() as url:
        desk = Desk(url, DIALOGUE, service=SHORT)
        assert isinstance(await desk.attempt(), Retry)
        assert fake.requests == 3
        await found(desk)
        assert fake.requests == 3 + 3
        assert fake.stats["paid_twice"] == 0
        await found(desk)  # as reprocessing with force does, which asks for a new answer
        assert fake.requests == 3 + 3 + 5


async def test_another_process_asks_with_the_same_keys() -> None:
    """What a service has made for a worker that died is told again and not paid again."""
    async with (fake := FakeAi(parsed("ok, lost, ok, 500"))).serving() as url:
        for _ in range(3):
            await Desk(url, DIALOGUE, service=SHORT).attempt()
        stats = fake.stats
    assert (stats["paid"], stats["paid_twice"]) == (5, 0)


async def test_another_process_goes_on_with_what_was_answered() -> None:
    """What is kept outlives the worker that paid for it: its death costs nothing, even if the service forgets."""
    async with (fake := FakeAi(parsed("ok, ok, 500"), forgetful=True)).serving() as url:
        first = Desk(url, DIALOGUE, service=SHORT)
        await first.attempt()
        await found(Desk(url, DIALOGUE, service=SHORT, parts=first.parts))
        stats = fake.stats
    assert (stats["paid"], stats["paid_twice"]) == (5, 0)


async def test_memory_does_not_grow_with_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces wait on the disk, one file for each channel, and are gone when the step ends, however it ends."""
    opened: list[Any] = []
    make = analyzer.cuts.__globals__["tempfile"].TemporaryFile
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: opened.append(make()) or opened[-1])
    async with FakeAi(parsed("ok, ok, slow")).serving() as url:
        desk = Desk(url, DIALOGUE, service=replace(SHORT, timeout_sec=1))
        async with asyncio.timeout(30):
            assert isinstance(await desk.attempt(), Retry)
    assert len(opened) >= 3
    assert all(file.closed for file in opened)


async def test_without_a_signal_it_says_what_it_needs() -> None:
    """A recording that was accepted before ``signal`` was configured names what to do."""
    desk = Desk("http://127.0.0.1:1/v1", DIALOGUE)
    desk.findings = {}
    outcome = await desk.attempt()
    assert isinstance(outcome, Failed)
    assert outcome.reason.code == "needs-failed-step"
    assert "put signal into ANALYZERS" in outcome.reason.detail


async def test_a_service_that_is_down_is_left_alone() -> None:
    """After five outages nobody asks for half a minute; then one request finds out, and the rest is as before."""
    now = 0.0
    breaker = Breaker(lambda: now)
    async with (fake := FakeAi(parsed("500*6"))).serving() as url:
        desk = Desk(url, spoken(2.0, []), breaker=breaker)
        for _ in range(5):
            assert isinstance(await desk.attempt(), Retry)
        resting = await desk.attempt()
        assert isinstance(resting, Retry)
        assert (fake.requests, desk.decoder.decoded) == (5, 5)
        assert resting.outage
        assert resting.retry_after is not None
        assert resting.retry_after.total_seconds() == 30
        now += 30
        assert isinstance(await desk.attempt(), Retry)
        assert fake.requests == 6
        now += 59
        await desk.attempt()
        assert fake.requests == 6
        now += 1
        await found(desk)
        await found(desk)
        assert fake.requests == 8


async def test_one_request_at_a_time_finds_out() -> None:
    """While the probe is on its way others wait; one that is cancelled lets the next probe go."""
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(5):
        with pytest.raises(AiUnavailable), breaker.guarding():
            raise AiUnavailable("down")
    now += 31
    probe = breaker.guarding()
    probe.__enter__()
    with pytest.raises(AiUnavailable, match="finding out"):
        breaker.guarding().__enter__()
    assert not probe.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
    with breaker.guarding():
        pass
    with breaker.guarding(), breaker.guarding():
        pass


async def test_a_busy_service_is_given_the_time_it_asks_for() -> None:
    """429 with Retry-After holds for every recording of the process; a refusal or nonsense closes the breaker."""
    now = 0.0
    breaker = Breaker(lambda: now)
    async with (fake := FakeAi(parsed("429:20, 500*4, 400, 500, html"))).serving() as url:
        samples = spoken(2.0, [])
        await Desk(url, samples, breaker=breaker).attempt()
        await Desk(url, samples, breaker=breaker).attempt()
        assert fake.requests == 1
        for _ in range(3):
            now += 21
            await Desk(url, samples, breaker=breaker).attempt()
        assert fake.requests == 4
        now += 21
        await Desk(url, samples, breaker=breaker).attempt()
        now += 31
        for _ in range(4):
            await Desk(url, samples, breaker=breaker).attempt()
        assert fake.requests == 9


@pytest.mark.parametrize(
    ("told", "tag"),
    [
        ("english", "en"),
        ("Russian", "ru"),
        ("ru", "ru"),
        ("pt-BR", "pt-BR"),
        ("", None),
        (None, None),
        ("klingon!", None),
    ],
)
def test_languages_have_tags(told: str | None, tag: str | None) -> None:
    """OpenAI answers with English names, others with codes; what is neither is not known."""
    assert tag_of(told) == tag
