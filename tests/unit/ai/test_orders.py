"""The asynchronous AI service: what becomes of a recording, whatever happens to orders and answers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import uuid4

import pytest
import uvicorn

from calls_adapters.ai.orders import OrderingAnalyzer
from calls_adapters.memory import MemoryJobQueue, MemoryStepParts
from calls_app.fake_ai.errands import COURIERS, Errands, couriers
from calls_app.fake_ai.script import ScriptError, parsed
from calls_app.fake_ai.service import FakeAi
from calls_core.call import Call, CallDetails, CallStatus
from calls_core.findings import Facts, Transcript
from calls_core.hookspecs import AiService
from calls_core.job import Patience
from calls_core.ports import Analyzers
from calls_core.recording import Recording
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.attempt_steps import AttemptSteps
from calls_core.use_cases.link_outside import LinkOutside, Seals
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.register_call import RegisterCall
from calls_core.use_cases.reprocess_call import ReprocessCall
from calls_core.use_cases.run_step import RunStep
from calls_http.callbacks import CallbackGuard
from tests.audio_files import speech, wav
from tests.http.memory_service import MemoryService
from tests.unit.ai.conftest import KEY
from tests.unit.core.conftest import NoDecoder, chunks

pytestmark = pytest.mark.anyio

AUDIO: Final = wav(speech(4.0, [[(2, 4)], [(0, 2)]]))
WHSEC: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FAST: Final = Patience(timedelta(seconds=0.5))
routes: Final = cache(MemoryService().routes)
AI: Final = AiService(base_url="", api_key=KEY, protocol="async", poll_sec=0.1, timeout_sec=5)


@dataclass
class Office:
    """Our API on a port and one worker, over memory, with an AI service beside them."""

    fake: FakeAi
    service: AiService = AI
    guard: CallbackGuard = field(default_factory=CallbackGuard)
    claims: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Office"]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.seals = Seals("k" * 32, f"http://127.0.0.1:{listening.getsockname()[1]}", timedelta(minutes=5))
            self.api = MemoryService(seals=self.seals, guard=self.guard)
            self.api.clock = lambda: datetime.now(UTC)  # type: ignore[method-assign]
            self.api.__post_init__()
            async with self.fake.serving() as url:
                self.analyzer = OrderingAnalyzer(replace(self.service, base_url=url))
                self.api.analyzers = (self.analyzer,)
                server = uvicorn.Server(uvicorn.Config(self.api.app(routes()), log_config=None, access_log=False))
                serving = asyncio.create_task(server.serve(sockets=[listening]))
                try:
                    yield self
                finally:
                    server.should_exit = True
                    await serving

    async def uploaded(self) -> Call:
        container = self.api.container()
        register, attach = await container.get(RegisterCall), await container.get(AttachRecording)
        details = CallDetails.checked(caller="1", receiver="2", started_at=datetime.now(UTC))
        call = (await register(details)).call
        await attach(call.id, "call.wav", chunks(AUDIO))
        return call

    async def again(self, call: Call) -> Call:
        return await (await self.api.container().get(ReprocessCall))(call.id)

    async def processed(self) -> tuple[Call, Recording]:
        """Upload a recording and work until it is ready or failed."""
        call = await self.uploaded()
        return await self.worked(call)

    async def worked(self, call: Call) -> tuple[Call, Recording]:
        process = self.worker()
        async with asyncio.timeout(15):
            while (found := await self.api.calls.get(call.id)).status not in {CallStatus.READY, CallStatus.FAILED}:
                if await process("w") is None:
                    await asyncio.sleep(0.02)
                else:
                    self.claims += 1
        return found, await self.api.calls.recording(call.id)

    def worker(self) -> ProcessRecording:
        """As a new process would be."""
        api, analyzers = self.api, Analyzers((self.analyzer,))
        jobs, parts = MemoryJobQueue(api.database, api.clock), MemoryStepParts(api.database, api.clock)
        attempt_steps = AttemptSteps(
            jobs,
            parts,
            api.storage,
            RunStep(analyzers, NoDecoder()),
            LinkOutside(self.seals, api.calls, api.storage, api.clock),
            None,  # type: ignore[arg-type]  # nothing is redacted here
            analyzers,
            FAST,
            api.clock,
            api.telemetry,
        )
        return ProcessRecording(
            jobs,
            parts,
            api.calls,
            None,  # type: ignore[arg-type]  # nothing is pulled here
            attempt_steps,
            analyzers,
            FAST,
            api.clock,
            uuid4,
            api.telemetry,
        )


@dataclass(frozen=True)
class Ends:
    """How a recording ends: with a finding, or with a code and a part of its reason."""

    code: str = "ready"
    saying: str = ""
    polled: bool | None = None
    paid: int = 1
    hasty: bool = False
    answered: set[int] | None = None


READY: Final = Ends()
SUBMITTING: Final[Mapping[str, Ends]] = {
    "ok": Ends(polled=False, answered={204}),
    "lost": READY,
    "half": READY,
    "refuse": READY,
    "slow": Ends(hasty=True),
    "drip": Ends(hasty=True),
    "no-http": READY,
    "short": READY,
    "429:1": READY,
    "500*3": READY,
    "503:1": READY,
    "409": READY,
    "html": READY,
    "cut-json": READY,
    "empty": READY,
    "null": READY,
    "list": READY,
    "huge": READY,
    "endless": READY,
    "bomb": READY,
    "deep": READY,
    "json": READY,
    "html*5": Ends("ai-answer-invalid", "is AI_BASE_URL right?", paid=0),
    "error-as-200": Ends("ai-failed", "the model is being loaded", paid=0),
    "redirect": Ends("ai-refused", "redirects are not followed", paid=0),
    "401": Ends("ai-refused", "it refuses AI_API_KEY", paid=0),
    "402": Ends("ai-refused", "402: Payment Required", paid=0),
    "404": Ends("ai-refused", "is AI_BASE_URL right", paid=0),
    "422": Ends("ai-refused", "422: ", paid=0),
    "echo-key": Ends("ai-refused", "wrong key *** here", paid=0),
}
ANSWERING: Final[Mapping[str, Ends]] = {
    "ok": Ends(polled=False),
    "lost": Ends(polled=True),
    "twice": Ends(polled=False, answered={204}),
    "many": Ends(polled=False, answered={204}),
    "late": Ends(polled=True),
    "early": Ends(polled=False, answered={204}),
    "forged": Ends(polled=True, answered={401}),
    "stale": Ends(polled=True, answered={401}),
    "astray": Ends(polled=True, answered={404}),
    "progress": Ends(answered={204}),
    "mixed-up": Ends(polled=True, answered={204}),
    "html": Ends(polled=True, answered={422}),
    "cut-json": Ends(polled=True, answered={422}),
    "list": Ends(polled=True, answered={422}),
    "null": Ends(polled=True, answered={422}),
    "odd-status": Ends(polled=True, answered={422}),
    "empty": Ends(polled=True, answered={422}),
    "deep": Ends(polled=True, answered={422}),
    "huge": Ends(polled=True),
    "half": Ends(polled=True),
}
POLLING: Final[Mapping[str, Ends]] = {
    "500*3": READY,
    "429:1": READY,
    "lost": READY,
    "slow": Ends(hasty=True),
    "html": READY,
    "cut-json": READY,
    "huge": READY,
    "list": READY,
    "302": Ends("ai-refused", "redirects are not followed"),
    "401": Ends("ai-refused", "it refuses AI_API_KEY"),
    "404": Ends("ai-failed", "does not know the order any more"),
    "html*5": Ends("ai-answer-invalid", "is AI_BASE_URL right?"),
}


def test_no_courier_is_left_out() -> None:
    """Whatever can happen to an answer has a row."""
    assert COURIERS.keys() == ANSWERING.keys()
    assert len(SUBMITTING) + len(ANSWERING) + len(POLLING) >= 60


async def ended(ends: Ends, fake: FakeAi, guard: CallbackGuard | None = None) -> None:
    poll_sec = 60.0 if ends.polled is False else AI.poll_sec
    service = replace(AI, timeout_sec=0.4 if ends.hasty else AI.timeout_sec, poll_sec=poll_sec)
    async with Office(fake, service, guard or CallbackGuard()).open() as office:
        call, recording = await office.processed()
        for _ in range(100):
            if len(fake.errands.answered) or ends.answered is None:
                break
            await asyncio.sleep(0.02)
        [step] = recording.steps
        if ends.code == "ready":
            assert call.status is CallStatus.READY, step.error
            found = recording.findings["ai"]
            assert isinstance(found, Transcript)
            assert [segment.channel for segment in found.segments] == [0, 1]
            assert not office.api.database.parts
        else:
            assert step.error
            assert (call.status, step.error.code) == (CallStatus.FAILED, ends.code), step.error
            assert ends.saying in step.error.detail
            assert KEY not in step.error.detail
        assert sum(fake.paid.values()) == ends.paid
        assert fake.stats["paid_twice"] == 0
        assert ends.polled is None or (fake.polled > 0) == ends.polled
        assert ends.answered is None or set(fake.errands.answered) <= ends.answered
        assert fake.sent_bytes < 64 << 20


@pytest.mark.parametrize("script", SUBMITTING)
async def test_every_trouble_with_an_order_has_its_end(script: str) -> None:
    """The recording is ready, or failed with a reason, and the service was paid once or not at all."""
    await ended(SUBMITTING[script], FakeAi(parsed(script)))


@pytest.mark.parametrize("script", ANSWERING)
async def test_every_trouble_with_an_answer_has_its_end(script: str) -> None:
    """What is not brought properly is asked for; what is brought twice counts once."""
    errands = Errands(couriers(script), f"signature:{WHSEC}", work_sec=0.05)
    await ended(ANSWERING[script], FakeAi(errands=errands), CallbackGuard("signature", secret=WHSEC))


@pytest.mark.parametrize("script", POLLING)
async def test_every_trouble_with_asking_has_its_end(script: str) -> None:
    """An order that is out is not given up for a question that was not answered, and not made again."""
    await ended(POLLING[script], FakeAi(polls=parsed(script), errands=Errands(couriers("lost"))))


@pytest.mark.parametrize(
    ("guard", "credentials"),
    [
        (CallbackGuard("header", "X-Secret", "open sesame"), "header:X-Secret:open sesame"),
        (CallbackGuard("basic", "ai", "sesame"), "basic:ai:sesame"),
        (CallbackGuard("signature", secret=WHSEC), f"signature:{WHSEC}"),
    ],
)
async def test_the_credentials_that_were_agreed_upon_open_the_door(guard: CallbackGuard, credentials: str) -> None:
    """Each kind lets the right ones in, and neither wrong ones nor none."""
    for errands, answered in [
        (Errands(credentials=credentials), 204),
        (Errands(couriers("forged"), credentials), 401),
        (Errands(), 401),
    ]:
        await ended(Ends(polled=answered == 401, answered={answered}), FakeAi(errands=errands), guard)


async def test_waiting_costs_neither_attempts_nor_a_worker() -> None:
    """A worker looks, and goes on with something else; the step shows that it waits, and one attempt in the end."""
    fake = FakeAi(errands=Errands(couriers("lost"), work_sec=0.4))
    async with Office(fake).open() as office:
        call = await office.uploaded()
        await office.worker()("w")
        [waiting] = (await office.api.calls.recording(call.id)).steps
        assert (waiting.status, waiting.attempts) == ("pending", 0)
        assert waiting.error
        assert waiting.error.code == "answer-awaited"
        assert waiting.next_attempt_at
        [job] = office.api.database.jobs.values()
        assert (job.job.attempt, job.job.deferrals) == (0, 0)
        call, recording = await office.worked(call)
    assert (call.status, recording.steps[0].attempts) == (CallStatus.READY, 1)
    assert fake.polled > 1


@pytest.mark.parametrize(
    ("result", "kind", "told"),
    [
        ('{"summary": "angry", "score": 0.5}', Facts, {"summary": "angry", "score": 0.5}),
        ("[1, 2]", Facts, {"result": [1, 2]}),
        ('"plain"', Facts, {"result": "plain"}),
        ('{"text": 5}', Facts, {"text": 5}),
        ('{"text": "hi", "segments": [{"start": 900, "end": 901, "text": "hi"}]}', Transcript, {}),
        ('{"text": "hi", "segments": [{"start": -900, "end": 1, "text": "hi"}]}', Facts, None),
        ('{"text": "hi", "segments": "none"}', Facts, None),
        ('{"text": "hi", "mood": "good"}', Transcript, {"mood": "good"}),
        ('{"transcript": {"text": "hi", "model": "x"}, "mood": "good"}', Transcript, {"mood": "good", "model": "x"}),
        ('{"transcript": "hi", "mood": "good"}', Transcript, {"mood": "good"}),
        ('{"note": "a\\u0000b"}', Facts, {"note": "a\ufffdb"}),
    ],
)
async def test_any_json_is_kept(result: str, kind: type, told: dict[str, Any] | None) -> None:
    """As a transcript where it is one, with what came beside it, else as it is: nothing that was paid is dropped."""
    async with Office(FakeAi(errands=Errands(result=result.encode()))).open() as office:
        call, recording = await office.processed()
    assert call.status is CallStatus.READY
    found = recording.findings["ai"]
    assert isinstance(found, kind)
    if isinstance(found, Transcript):
        assert found.text == "hi"
        assert found.more == told
    elif told is not None:
        assert isinstance(found, Facts)
        assert found.values == told
    else:
        assert found.caveat
        assert found.caveat.code == "no-transcript-shape"


async def test_what_cannot_be_kept_fails_once_and_is_not_ordered_again_by_itself() -> None:
    """Only reprocessing orders again."""
    fake = FakeAi(errands=Errands(result=b"[" * 40 + b"]" * 40))
    async with Office(fake).open() as office:
        call, recording = await office.processed()
        [step] = recording.steps
        assert step.error
        assert (call.status, step.error.code, step.attempts) == (CallStatus.FAILED, "ai-failed", 1)
        assert sum(fake.paid.values()) == 1
        fake.errands.result = b'{"text": "hi"}'
        call = await office.again(call)
        call, recording = await office.worked(call)
    assert call.status is CallStatus.READY
    assert sum(fake.paid.values()) == 2
    assert fake.stats["paid_twice"] == 0


async def test_an_answer_that_came_too_late_is_not_paid_again() -> None:
    """The call had failed by then; reprocessing finds the answer."""
    fake = FakeAi(polls=parsed("401"), errands=Errands(couriers("late:0.6")))
    async with Office(fake).open() as office:
        call, _ = await office.processed()
        assert call.status is CallStatus.FAILED
        while not fake.errands.answered:
            await asyncio.sleep(0.02)
        call, _ = await office.worked(await office.again(call))
    assert call.status is CallStatus.READY
    assert (fake.requests, fake.polled) == (1, 1)


@pytest.mark.parametrize("script", ["dance", "lost:x", "late;ok"])
def test_a_way_of_answers_must_make_sense(script: str) -> None:
    """A name that is none is refused with those there are."""
    with pytest.raises(ScriptError, match="late:3"):
        couriers(script)
