"""The fake AI service, as any client of the protocol sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from calls_app.fake_ai.service import FakeAi
from tests.audio_files import wav
from tests.unit.ai.conftest import RATE, spoken

pytestmark = pytest.mark.anyio

SPEECH = wav(spoken(4.0, [(1, 2.5)]), RATE)


@asynccontextmanager
async def talking_to(fake: FakeAi) -> AsyncIterator[httpx2.AsyncClient]:
    async with fake.serving() as url, httpx2.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
        yield client


async def sent(client: httpx2.AsyncClient, file: bytes, key: str = "k") -> httpx2.Response:
    return await client.post(
        "/audio/transcriptions",
        data={"model": "whisper-1"},
        files={"file": ("a.wav", file)},
        headers={"Idempotency-Key": key},
    )


async def test_words_are_where_the_sound_is() -> None:
    """Nobody is understood, but the same audio gives the same words, and silence gives none."""
    async with talking_to(FakeAi()) as client:
        answer = (await sent(client, SPEECH)).json()
        assert (await sent(client, SPEECH, "other")).json() == answer
        silence = (await sent(client, wav(spoken(2.0, [(0, 2)]), RATE), "silence")).json()
    assert [round(segment["start"], 1) for segment in answer["segments"]] == [0.0, 2.5]
    assert [round(segment["end"], 1) for segment in answer["segments"]] == [1.0, 4.0]
    assert answer["text"].split() == [word["word"] for word in answer["words"]]
    assert (silence["text"], silence["segments"], silence["duration"]) == ("", [], 2.0)


@pytest.mark.parametrize(("forgetful", "paid"), [(False, 1), (True, 2)])
async def test_a_key_is_paid_once(*, forgetful: bool, paid: int) -> None:
    """What was made under a key is told again; a forgetful service makes it again."""
    async with talking_to(fake := FakeAi(forgetful=forgetful)) as client:
        for _ in range(2):
            assert (await sent(client, SPEECH)).status_code == 200
        told = (await client.get(client.base_url.join("/stats"))).json()
    assert (told["requests"], told["paid"], told["paid_twice"]) == (2, paid, paid - 1)
    assert fake.paid_sec == 4.0 * paid


@pytest.mark.parametrize(
    ("file", "status"),
    [
        pytest.param(b"no audio at all", 400, id="no WAV"),
        pytest.param(SPEECH[:30], 400, id="broken off"),
        pytest.param(wav(spoken(1.0, [], []), RATE), 400, id="stereo"),
        pytest.param(bytes(27_000_000), 413, id="more than OpenAI takes"),
    ],
)
async def test_what_openai_refuses_is_refused(file: bytes, status: int) -> None:
    """In the shape of OpenAI's errors."""
    async with talking_to(FakeAi()) as client:
        answer = await sent(client, file)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_other_addresses_are_not_there() -> None:
    """It knows transcripts, models and its own statistics."""
    async with talking_to(FakeAi()) as client:
        assert (await client.get("/models")).json()["data"]
        assert (await client.post("/chat/completions", json={})).status_code == 404
        assert (await client.get("/audio/transcriptions")).status_code == 404
