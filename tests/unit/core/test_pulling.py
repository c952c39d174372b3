"""Recordings that are fetched from where the business system keeps them."""

import pytest

from calls_core.errors import (
    RecordingNotFound,
    SourceRefused,
    SourceUnavailable,
)
from calls_core.job import PullSource
from tests.unit.core.conftest import Scene

pytestmark = pytest.mark.anyio


async def test_a_pulled_recording_ends_ready() -> None:
    """The worker fetches, stores and processes what a URL gives."""
    scene = Scene()
    registered = await scene.pull(scene.details(), PullSource("https://pbx.example/1.wav", "1.wav"))
    assert registered.call.status == "processing"
    with pytest.raises(RecordingNotFound):
        await scene.calls.recording(registered.call.id)
    await scene.work_until_idle()
    assert (await scene.calls.get(registered.call.id)).status == "ready"
    assert (await scene.calls.recording(registered.call.id)).size_bytes == 8
    assert scene.database.holds == {}


async def test_a_pull_is_retried_or_ends_with_the_reason() -> None:
    """No answer is an outage; a refusal is final and is told."""
    scene = Scene()
    scene.source.error = SourceUnavailable("no answer")
    call = (await scene.pull(scene.details(), PullSource("https://pbx.example/1.wav", "1.wav"))).call
    await scene.process("worker")
    assert (await scene.calls.get(call.id)).status == "processing"
    scene.source.error = SourceRefused("404")
    scene.later(minutes=1)
    await scene.process("worker")
    failure = (await scene.calls.get(call.id)).failure
    assert failure is not None
    assert failure.code == "source-refused"


async def test_an_empty_or_huge_pull_is_refused() -> None:
    """What an upload may not be, a pull may not be either; nothing stays behind."""
    for pieces, code in (([], "empty-recording"), ([b"x" * 200], "too-large")):
        scene = Scene()
        scene.source.pieces = pieces
        call = (await scene.pull(scene.details(), PullSource("https://pbx.example/1.wav", "1.wav"))).call
        await scene.process("worker")
        failure = (await scene.calls.get(call.id)).failure
        assert failure is not None
        assert failure.code == code
        assert scene.database.holds == {}
