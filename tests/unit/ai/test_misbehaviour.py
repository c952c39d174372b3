"""What becomes of a recording when the AI service misbehaves."""

import asyncio
import logging
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

import pytest

from calls_adapters.ai.breaker import Breaker
from calls_adapters.ai.http import AiHttp
from calls_app.fake_ai.script import BEHAVIOURS, Behaviour, ScriptError, parsed
from calls_app.fake_ai.service import FakeAi
from calls_core.errors import CallsError
from calls_core.findings import Transcript
from calls_core.hookspecs import AiService
from calls_core.use_cases.run_step import Failed, Outcome, Retry
from tests.unit.ai.conftest import KEY, Desk, spoken

pytestmark = pytest.mark.anyio

SAMPLES: Final = spoken(2.0, [(0.5, 1.4)])
PATIENT: Final = AiService(base_url="", api_key=KEY, timeout_sec=20)
HASTY: Final = replace(PATIENT, timeout_sec=0.5)

DONE, OUTAGE, REFUSED, INVALID = "done", "ai-unavailable", "ai-refused", "ai-answer-invalid"


@dataclass(frozen=True)
class Ends:
    """How an attempt ends: its code, a part of its reason, and, of an answer that came, its text."""

    code: str
    saying: str = ""
    text: str | None = None
    retry_after: timedelta | None = None
    hasty: bool = False


TABLE: Final[Mapping[str, Ends]] = {
    "ok": Ends(DONE),
    "refuse": Ends(OUTAGE, "did not answer properly"),
    "lost": Ends(OUTAGE, "did not answer properly"),
    "half": Ends(OUTAGE, "did not answer properly"),
    "early-413": Ends(REFUSED, "413: Maximum content size exceeded"),
    "slow": Ends(OUTAGE, "within 0.5 seconds (AI_TIMEOUT_SEC)", hasty=True),
    "drip": Ends(OUTAGE, "within 0.5 seconds (AI_TIMEOUT_SEC)", hasty=True),
    "no-http": Ends(OUTAGE, "RemoteProtocolError"),
    "short": Ends(OUTAGE, "RemoteProtocolError"),
    "bad-chunks": Ends(OUTAGE, "RemoteProtocolError"),
    "long-head": Ends(OUTAGE, "RemoteProtocolError"),
    "huge": Ends(INVALID, "more than AI_MAX_ANSWER_BYTES (8388608)"),
    "endless": Ends(INVALID, "more than AI_MAX_ANSWER_BYTES (8388608)"),
    "endless-error": Ends(REFUSED, "400: it gave no reason"),
    "bomb": Ends(INVALID, "compressed its answer unasked: gzip"),
    "empty": Ends(INVALID, "other than verbose_json"),
    "html": Ends(INVALID, "is AI_BASE_URL right?"),
    "html-as-json": Ends(INVALID, "other than verbose_json"),
    "cut-json": Ends(INVALID, "truncated"),
    "latin-1": Ends(INVALID, "can't decode"),
    "nan": Ends(INVALID, "malformed"),
    "too-big-number": Ends(INVALID, "out of range"),
    "deep": Ends(INVALID, "recursion"),
    "half-character": Ends(INVALID, "other than verbose_json"),
    "event-stream": Ends(INVALID, "malformed"),
    "null": Ends(INVALID, "got `null`"),
    "list": Ends(INVALID, "got `array`"),
    "other-shape": Ends(INVALID, "missing required field `text`"),
    "no-text": Ends(INVALID, "`$.text`"),
    "number-as-text": Ends(INVALID, "`$.text`"),
    "text-as-time": Ends(INVALID, "`$.segments[0].start`"),
    "segments-as-text": Ends(INVALID, "`$.segments`"),
    "segment-without-end": Ends(INVALID, "missing required field `end`"),
    "word-without-text": Ends(INVALID, "missing required field `word`"),
    "error-as-200": Ends(INVALID, "missing required field `text`"),
    "far-time": Ends(INVALID, "far outside of the 2 seconds"),
    "long-ago": Ends(INVALID, "far outside of the 2 seconds"),
    "babble": Ends(INVALID, "more words than can be said in 2 seconds"),
    "many-segments": Ends(INVALID, "more words than can be said in 2 seconds"),
    "json": Ends(DONE, text="hello there"),
    "nothing": Ends(DONE, text=""),
    "controls": Ends(DONE, text="hello there"),
    "backwards": Ends(DONE, text="hello"),
    "late": Ends(DONE, text="hello"),
    "before": Ends(DONE, text="hello"),
    "speaches": Ends(DONE, text="hello"),
    "redirect": Ends(REFUSED, "redirects are not followed"),
    "echo-key": Ends(REFUSED, "400: wrong key *** here"),
    "chatty": Ends(REFUSED, "no, no, no"),
    "coloured": Ends(REFUSED, "400: no [31m next"),
    "200": Ends(INVALID, "missing required field `text`"),
    "201": Ends(INVALID, "201 instead of 200"),
    "204": Ends(INVALID, "204 instead of 200"),
    "206": Ends(INVALID, "206 instead of 200"),
    "302": Ends(REFUSED, "redirects are not followed"),
    "400": Ends(REFUSED, "400: Bad Request"),
    "401": Ends(REFUSED, "it refuses AI_API_KEY"),
    "402": Ends(REFUSED, "402: Payment Required"),
    "403": Ends(REFUSED, "it refuses AI_API_KEY"),
    "404": Ends(REFUSED, "is AI_BASE_URL right, and AI_MODEL? Not Found"),
    "405": Ends(REFUSED, "405: Method Not Allowed"),
    "413": Ends(REFUSED, "413: "),
    "415": Ends(REFUSED, "415: Unsupported Media Type"),
    "422": Ends(REFUSED, "422: "),
    "408": Ends(OUTAGE, "answered 408"),
    "409": Ends(OUTAGE, "answered 409"),
    "425": Ends(OUTAGE, "answered 425"),
    "429": Ends(OUTAGE, "answered 429"),
    "429:7": Ends(OUTAGE, "answered 429", retry_after=timedelta(seconds=7)),
    "429:999999999999999999999": Ends(OUTAGE, "answered 429", retry_after=timedelta(hours=1)),
    "429:soon": Ends(OUTAGE, "answered 429"),
    "429:-5": Ends(OUTAGE, "answered 429"),
    "500": Ends(OUTAGE, "answered 500"),
    "502": Ends(OUTAGE, "answered 502"),
    "503:120": Ends(OUTAGE, "answered 503", retry_after=timedelta(seconds=120)),
    "504": Ends(OUTAGE, "answered 504"),
}


def test_no_behaviour_is_left_out() -> None:
    """Whatever the fake can do has a row."""
    assert BEHAVIOURS.keys() <= TABLE.keys()
    assert len(TABLE) > 60


@pytest.mark.parametrize("script", TABLE)
async def test_every_misbehaviour_has_its_end(script: str, caplog: pytest.LogCaptureFixture) -> None:
    """A finding, a failure or another attempt, with its reason; that attempt succeeds, and nothing is paid twice.

    The key is told to nobody, whatever the service does with it.
    """
    ends = TABLE[script]
    caplog.set_level(logging.DEBUG)
    async with serving(script) as (fake, url):
        desk = Desk(url, SAMPLES, service=HASTY if ends.hasty else PATIENT)
        outcome = await desk.attempt()
        while ends.hasty and not fake.requests:  # it had no time to be reached, so its behaviour is still ahead
            outcome = await desk.attempt()
        assert code(outcome) == ends.code, outcome
        match outcome:
            case Transcript() as found:
                assert ends.text is None or found.text == ends.text
                assert all(0 <= s.start_sec <= s.end_sec <= 2 for s in found.segments)
            case Failed(reason):
                assert ends.saying in reason.detail
            case Retry(reason, outage, retry_after):
                assert ends.saying in reason.detail
                assert outage == (ends.code == OUTAGE)
                assert retry_after == ends.retry_after
                again = await Desk(url, SAMPLES, service=PATIENT).attempt()  # as another process would
                assert isinstance(again, Transcript)
        if not isinstance(outcome, Transcript):
            assert len(reason.detail) < 500
            assert reason.detail.isprintable()
            assert KEY not in reason.detail
        assert fake.stats["paid_twice"] == 0
        assert fake.sent_bytes < 64 << 20
    assert KEY not in caplog.text


@pytest.mark.parametrize("script", ["huge", "endless", "endless-error"])
async def test_memory_is_bounded(script: str) -> None:
    """An answer of a gigabyte, or without an end, is dropped when it passes the limit."""
    async with serving(script) as (_, url):
        desk = Desk(url, SAMPLES)
        tracemalloc.start()
        try:
            await desk.attempt()
            assert tracemalloc.get_traced_memory()[1] < 32 << 20
        finally:
            tracemalloc.stop()


async def test_nobody_is_there() -> None:
    """A service that is not started, a name that leads nowhere, and a TLS address that speaks plainly are outages."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        without_tls = await Desk(f"https://127.0.0.1:{port}/v1", SAMPLES).attempt()
    stopped = await Desk(f"http://127.0.0.1:{port}/v1", SAMPLES).attempt()
    nowhere = await Desk("http://nowhere.invalid/v1", SAMPLES).attempt()
    for outcome in (without_tls, stopped, nowhere):
        assert isinstance(outcome, Retry)
        assert (outcome.reason.code, outcome.outage) == (OUTAGE, True)
        assert "cannot connect" in outcome.reason.detail


async def test_retry_after_may_be_a_date() -> None:
    """The other form of RFC 9110; a date that has passed asks for nothing."""
    for seconds, expected in [(90, timedelta(seconds=90)), (-90, None)]:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        busy = Behaviour(status=503, body=b"", headers=(("Retry-After", date),))
        async with FakeAi([busy]).serving() as url:
            outcome = await Desk(url, SAMPLES).attempt()
        assert isinstance(outcome, Retry)
        assert abs((outcome.retry_after or timedelta(0)) - (expected or timedelta(0))) < timedelta(seconds=3)


async def test_a_wrong_key_is_named_and_not_shown() -> None:
    """The operator reads which setting to mend; the service echoes the key, we do not."""
    async with FakeAi(key="sk-another").serving() as url:
        outcome = await Desk(url, SAMPLES).attempt()
    assert isinstance(outcome, Failed)
    assert outcome.reason.code == REFUSED
    assert outcome.reason.detail == "127.0.0.1 answered 401: it refuses AI_API_KEY; mend the key and reprocess"
    assert KEY not in repr(Desk(url, SAMPLES).service)


@pytest.mark.parametrize(
    ("key", "base", "says"),
    [
        (KEY, "{url}", "127.0.0.1 answers"),
        ("sk-another", "{url}", "it refuses AI_API_KEY"),
        (KEY, "http://127.0.0.1:1/v1", "cannot connect"),
    ],
)
async def test_the_service_can_be_asked_whether_it_is_there(key: str, base: str, says: str) -> None:
    """What `calls doctor` asks costs nothing and tells of a wrong key."""
    async with (fake := FakeAi(key=KEY)).serving() as url:
        client = AiHttp(AiService(base_url=base.format(url=url), api_key=key), Breaker())
        try:
            answer = await client.check()
        except CallsError as error:
            answer = str(error)
    assert says in answer
    assert fake.requests == 0


@pytest.mark.parametrize("script", ["nonsense", "429:x*", "slow:never", "ok;500", "1000"])
def test_a_script_must_make_sense(script: str) -> None:
    """A name that is no behaviour is refused with those there are."""
    with pytest.raises(ScriptError, match="429:2"):
        parsed(script)


@asynccontextmanager
async def serving(script: str) -> AsyncIterator[tuple[FakeAi, str]]:
    fake = FakeAi(parsed(script))
    async with fake.serving() as url:
        yield fake, url


def code(outcome: Outcome) -> str:
    return outcome.reason.code if isinstance(outcome, Failed | Retry) else DONE
