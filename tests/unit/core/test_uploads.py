"""Resumable uploads against a byte array: what is confirmed is there, and what arrives is what was sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from calls_adapters.memory import MemoryUploads
from calls_core.errors import CallsError, TooLarge, UploadConflict, UploadExpired, UploadNotFound
from calls_core.use_cases import resume_upload
from calls_core.use_cases.resume_upload import ResumeUpload

pytestmark = pytest.mark.anyio

Scene = Any


def resuming(scene: Scene) -> ResumeUpload:
    return ResumeUpload(
        MemoryUploads(scene.database, scene.clock),
        scene.calls,
        scene.receive,
        scene.attach,
        scene.ingest,
        scene.storage,
        scene.holds,
        scene.clock,
        uuid4,
    )


async def chunks(*pieces: bytes, breaks: bool = False) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if breaks:
        raise ConnectionResetError


class Uploading(RuleBasedStateMachine):
    """One upload of 50 bytes. *confirmed* is what the client was told to be durable; parts are of 8 bytes at most."""

    scene: Callable[[], Scene]

    @initialize(data=st.binary(min_size=50, max_size=50))
    def begin(self, data: bytes) -> None:
        self.here = self.scene()
        self.uploads = resuming(self.here)
        self.data, self.confirmed, self.is_over = data, 0, False
        self.upload = self.run(self.uploads.begin("me", "a.wav", len(data), self.here.details()))

    def run(self, work: Any) -> Any:
        return asyncio.run(work)

    def offset(self) -> int:
        return int(self.run(self.uploads.find("me", self.upload.id)).offset)

    @precondition(lambda self: not self.is_over)
    @rule(sizes=st.lists(st.integers(0, 20), max_size=4), whole=st.booleans())
    def go_on(self, sizes: list[int], whole: bool) -> None:  # noqa: FBT001 (Hypothesis gives it)
        pieces, at = [], self.confirmed
        for size in sizes:
            pieces.append(self.data[at : at + size])
            at += size
        before = self.confirmed
        upload = self.run(self.uploads.append("me", self.upload.id, before, chunks(*pieces), whole=whole))
        self.confirmed = upload.offset
        assert self.confirmed == min(before + sum(sizes), 50)
        self.is_over = upload.finished

    @precondition(lambda self: not self.is_over)
    @rule(size=st.integers(0, 49), whole=st.booleans())
    def break_off(self, size: int, whole: bool) -> None:  # noqa: FBT001
        """The server dies or the database refuses: parts that were complete stay, the rest is sent again."""
        sent = self.data[self.confirmed : self.confirmed + size]
        breaking = chunks(sent, breaks=True)
        try:
            self.run(self.uploads.append("me", self.upload.id, self.confirmed, breaking, whole=whole))
        except ConnectionResetError:
            offset = self.offset()
            assert self.confirmed <= offset <= self.confirmed + len(sent)
            assert not (whole and offset > self.confirmed)
            self.confirmed = offset

    @precondition(lambda self: not self.is_over)
    @rule(offset=st.integers(0, 60))
    def miss(self, offset: int) -> None:
        if offset != self.confirmed:
            with pytest.raises(UploadConflict):
                self.run(self.uploads.append("me", self.upload.id, offset, chunks(b"wrong")))

    @precondition(lambda self: not self.is_over)
    @rule()
    def send_too_much(self) -> None:
        with pytest.raises(TooLarge):
            self.run(
                self.uploads.append(
                    "me", self.upload.id, self.confirmed, chunks(bytes(60 - self.confirmed)), whole=True
                )
            )

    @rule()
    def sweep(self) -> None:
        self.run(self.here.recover("sweep"))

    @invariant()
    def what_is_confirmed_is_there(self) -> None:
        if not hasattr(self, "here"):
            return
        assert self.offset() == self.confirmed
        stored = self.here.database.uploads[self.upload.id]
        assert b"".join(self.here.storage.files[part.key] for part in stored.parts) == (
            b"" if stored.finished else self.data[: self.confirmed]
        )
        recordings = list(self.here.database.recordings.values())
        assert len(recordings) == len(self.here.database.calls) == self.is_over
        for recording in recordings:
            assert self.here.storage.files[recording.storage_key] == self.data
        used = {part.key for part in stored.parts} | {recording.storage_key for recording in recordings}
        assert set(self.here.storage.files) - used <= set(self.here.database.holds)


@pytest.mark.thorough
def test_breaks_and_repetitions_in_any_order(scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing confirmed is lost, nothing is stored twice, and no byte is left that nobody knows of."""
    monkeypatch.setattr(resume_upload, "PART", 8)
    machine = type("UploadingOne", (Uploading,), {"scene": staticmethod(scene)})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=20))


async def test_two_at_once_do_not_mix(scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second waits a little and then takes over; who was first is refused and stores nothing."""
    monkeypatch.setattr(resume_upload, "WAIT_FOR_OTHER_SEC", 0.05)
    here = scene()
    uploads = resuming(here)
    upload = await uploads.begin("me", "a.wav", 6, here.details())
    leave = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"abc"
        await leave.wait()
        yield b"def"

    first = asyncio.create_task(uploads.append("me", upload.id, 0, slow()))
    await asyncio.sleep(0)
    second = await uploads.append("me", upload.id, 0, chunks(b"ABC"))
    leave.set()
    with pytest.raises(UploadConflict):
        await first
    assert second.offset == 3
    assert (await uploads.append("me", upload.id, 3, chunks(b"DEF"))).finished
    (recording,) = here.database.recordings.values()
    assert here.storage.files[recording.storage_key] == b"ABCDEF"


async def test_what_a_cut_line_left_is_waited_for(scene: Callable[..., Scene]) -> None:
    """A client that comes back at once is told of the bytes that are just being saved."""
    here = scene()
    uploads = resuming(here)
    upload = await uploads.begin("me", "a.wav", 6, here.details())
    leave = asyncio.Event()

    async def cut() -> AsyncIterator[bytes]:
        yield b"abc"
        await leave.wait()

    first = asyncio.create_task(uploads.append("me", upload.id, 0, cut()))
    await asyncio.sleep(0)
    asking = asyncio.create_task(uploads.find("me", upload.id))
    await asyncio.sleep(0)
    leave.set()
    assert (await asking).offset == 3
    await first


async def test_an_abandoned_upload_is_cleared(scene: Callable[..., Scene]) -> None:
    """A day after its last byte, the sweep removes row and bytes."""
    here = scene()
    uploads = resuming(here)
    upload = await uploads.begin("me", "a.wav", 6, here.details())
    await uploads.append("me", upload.id, 0, chunks(b"abc"))
    here.later(hours=23.9)
    await here.recover("sweep")
    assert (await uploads.find("me", upload.id)).offset == 3
    here.later(hours=0.2)
    with pytest.raises(UploadExpired):
        await uploads.find("me", upload.id)
    for _ in range(2):
        await here.recover("sweep")
        here.later(seconds=1)
    with pytest.raises(UploadNotFound):
        await uploads.find("me", upload.id)
    assert not here.storage.files
    assert issubclass(UploadNotFound, CallsError)
