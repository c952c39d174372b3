"""What every recording storage must do, whichever adapter is behind it."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls_adapters.memory import MemoryStorage
from calls_adapters.storage.local import EARLY, PIECE, LocalStorage
from calls_adapters.storage.s3 import S3Storage, open_s3_storage
from calls_core.errors import PresignedUrlsUnavailable, RecordingExists, RecordingNotFound, StorageUnavailable
from calls_core.ports import RecordingStorage
from tests.servers.disk import small_disk
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.anyio

Opened = AbstractAsyncContextManager[RecordingStorage]


def memory(_: pytest.FixtureRequest) -> Opened:
    return nullcontext(MemoryStorage())


def local(request: pytest.FixtureRequest) -> Opened:
    return nullcontext(LocalStorage(request.getfixturevalue("tmp_path")))


def s3(request: pytest.FixtureRequest) -> Opened:
    server: S3Server = request.getfixturevalue("s3_server")
    return open_s3_storage(server.place(request.getfixturevalue("s3_bucket")))


STORAGES: dict[type[RecordingStorage], Callable[[pytest.FixtureRequest], Opened]] = {
    MemoryStorage: memory,
    LocalStorage: local,
    S3Storage: s3,
}
NEEDS = {S3Storage: [pytest.mark.requires("s3")]}


@pytest.fixture(params=[pytest.param(kind, id=kind.__name__, marks=NEEDS.get(kind, ())) for kind in STORAGES])
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[RecordingStorage]:
    async with STORAGES[request.param](request) as opened:
        yield opened


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def everything(storage: RecordingStorage, key: str, start: int = 0, end: int | None = None) -> bytes:
    async with storage.read(key, start, end) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_gives_back_what_was_put(storage: RecordingStorage) -> None:
    """The bytes come back in order; size and SHA-256 are of what was written."""
    stored = await storage.put("ab/c", chunks(b"RI", b"", b"FF"))
    assert (stored.size_bytes, stored.sha256) == (4, hashlib.sha256(b"RIFF").hexdigest())
    assert await everything(storage, "ab/c") == b"RIFF"
    async with storage.local_copy("ab/c", 4) as path:
        assert path.read_bytes() == b"RIFF"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.binary(max_size=50), start=st.integers(0, 60), length=st.none() | st.integers(0, 60))
async def test_reads_any_part(storage: RecordingStorage, data: bytes, start: int, length: int | None) -> None:
    """A part is what a slice of the bytes would be."""
    end = None if length is None else start + length
    await storage.delete("k/k")
    await storage.put("k/k", chunks(data))
    assert await everything(storage, "k/k", start, end) == data[start:end]


async def test_never_overwrites(storage: RecordingStorage) -> None:
    """A taken key is refused and the first recording stays as it was."""
    await storage.put("a/a", chunks(b"first"))
    with pytest.raises(RecordingExists):
        await storage.put("a/a", chunks(b"second"))
    assert await everything(storage, "a/a") == b"first"


async def test_half_an_upload_leaves_nothing(storage: RecordingStorage) -> None:
    """If the sender breaks off, its error passes through, the key stays free and there is no leftover."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"RI"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.put("a/a", broken())
    with pytest.raises(RecordingNotFound):
        await everything(storage, "a/a")
    assert await storage.clear_leftovers() == 0
    await storage.put("a/a", chunks(b"again"))


async def test_says_what_it_does_not_have(storage: RecordingStorage) -> None:
    """Reading, and lending a file that is shorter than it was accepted, say so; deleting nothing is fine."""
    await storage.put("a/a", chunks(b"RIFF"))
    for end in (None, 4, 0):
        with pytest.raises(RecordingNotFound):
            await everything(storage, "no/no", 0, end)
    with pytest.raises(RecordingNotFound):
        async with storage.local_copy("a/a", 5):
            pass
    await storage.delete("a/a")
    await storage.delete("a/a")
    with pytest.raises(RecordingNotFound):
        async with storage.local_copy("a/a", 4):
            pass


async def test_leaves_living_writers_alone(storage: RecordingStorage) -> None:
    """Clearing leftovers in the middle of an upload takes nothing from it."""

    async def swept() -> AsyncIterator[bytes]:
        yield b"RI"
        assert await storage.clear_leftovers() == 0
        yield b"FF"

    assert (await storage.put("a/a", swept())).size_bytes == 4
    assert await everything(storage, "a/a") == b"RIFF"


async def test_is_well(storage: RecordingStorage) -> None:
    """A storage that can be written to says so by returning."""
    await storage.check()
    assert await storage.clear_leftovers() == 0


async def test_presigns_or_says_that_it_cannot(storage: RecordingStorage) -> None:
    """Only S3 has addresses of its own; the others say so."""
    await storage.put("a/a", chunks(b"RIFF"))
    try:
        presigned = await storage.presign("a/a", "a.wav", "audio/wav", timedelta(minutes=1))
    except PresignedUrlsUnavailable:
        assert not isinstance(storage, S3Storage)
    else:
        assert presigned.url.startswith("http")


async def test_of_several_writers_of_a_key_one_wins(storage: RecordingStorage) -> None:
    """All of them write at once: one is told that it stored its recording, and that is what is there."""
    recordings = [bytes([number]) * 300_000 for number in range(6)]
    told = await asyncio.gather(
        *(storage.put("a/a", chunks(recording)) for recording in recordings), return_exceptions=True
    )
    won = [stored.sha256 for stored in told if not isinstance(stored, BaseException)]
    assert [hashlib.sha256(await everything(storage, "a/a")).hexdigest()] == won
    assert [type(refused) for refused in told if isinstance(refused, BaseException)] == [RecordingExists] * 5


async def test_a_cancelled_upload_leaves_nothing(storage: RecordingStorage) -> None:
    """When the request is cancelled because its client is gone, nothing is stored and the key is free."""
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"RI"
        begun.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(storage.put("a/a", endless()))
    await begun.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await storage.clear_leftovers() == 0
    await storage.put("a/a", chunks(b"again"))


async def test_a_copy_is_private_and_a_reader_may_leave(storage: RecordingStorage) -> None:
    """Only the service's user may read what is lent, and whoever has heard enough leaves in the middle."""
    await storage.put("a/a", chunks(bytes(2_000_000)))
    async with storage.local_copy("a/a", 2_000_000) as path:
        assert isinstance(storage, MemoryStorage) or path.stat().st_mode & 0o777 == 0o600
    async with storage.read("a/a") as pieces:
        assert await anext(pieces)
    assert len(await everything(storage, "a/a", 1_999_990)) == 10


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port that this file imports is in the table above."""
    assert set(RecordingStorage.__subclasses__()) == set(STORAGES)


KILLED_WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from calls_adapters.storage.local import EARLY, PIECE, LocalStorage

async def chunks():
    yield b"RIFF"
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(LocalStorage(Path(sys.argv[1])).put("a/a", chunks()))
"""


async def test_a_killed_writer_leaves_a_file_that_is_cleared(tmp_path: Path) -> None:
    """What a killed process left half-written goes with the next sweep, at once."""
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", KILLED_WRITER, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".part"]
    assert await LocalStorage(tmp_path).clear_leftovers() == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("failing", ["write", "fsync", "link"])
async def test_disk_errors_say_what_to_do(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is the storage being unavailable, with advice; the half-written file is gone."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(StorageUnavailable, match="free some space"):
            await LocalStorage(tmp_path).put("a/a", chunks(b"RIFF"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_folder_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    """A folder that never held a recording is the wrong one, or not mounted yet: nothing in it is lost for good."""
    storage = LocalStorage(tmp_path / "not-mounted")
    await storage.check()
    with pytest.raises(StorageUnavailable, match="RECORDINGS_DIR"):
        await everything(storage, "a/a")
    with pytest.raises(StorageUnavailable, match="RECORDINGS_DIR"):
        async with storage.local_copy("a/a", 4):
            pass
    assert list(tmp_path.iterdir()) == [], "looking must not make the folder look right"


async def test_files_are_private_and_below_the_folder(tmp_path: Path) -> None:
    """Only the service's user may read a recording."""
    storage = LocalStorage(tmp_path / "new" / "folder")
    await storage.put("a/a", chunks(b"RIFF"))
    [path] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path == tmp_path / "new" / "folder" / "a" / "a"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_bytes_are_on_disk_before_they_have_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of durability: sync the file, name it, sync its folder and, when that is new, the folder above."""
    order = []
    for name in ("fsync", "link"):
        real = getattr(os, name)

        def noted(*arguments: object, name: str = name, real: Callable[..., object] = real) -> object:
            order.append(name if name == "link" else f"fsync {Path(f'/proc/self/fd/{arguments[0]}').readlink().name}")
            return real(*arguments)

        monkeypatch.setattr(os, name, noted)
    await LocalStorage(tmp_path).put("ab/file", chunks(b"RIFF"))
    assert [step.rpartition(".")[2] if "part" in step else step for step in order] == [
        "part",
        "link",
        "fsync ab",
        f"fsync {tmp_path.name}",
    ]


async def test_nothing_stays_reserved(tmp_path: Path) -> None:
    """A long file takes no more of the disk than its bytes, although space was reserved while it came."""
    size = EARLY + PIECE
    stored = await LocalStorage(tmp_path).put("ab/file", chunks(*[b"\1" * PIECE] * (size // PIECE)))
    found = (tmp_path / "ab" / "file").stat()
    assert stored.size_bytes == found.st_size == size
    assert found.st_blocks * 512 < size + EARLY // 2


@pytest.mark.requires("tmpfs")
async def test_the_rest_fits(tmp_path: Path) -> None:
    """A disk that has no room for what would be reserved takes a file that fits."""
    with small_disk(tmp_path / "disk", EARLY + 4 * PIECE) as disk:
        stored = await LocalStorage(disk).put("ab/file", chunks(*[b"\1" * PIECE] * (EARLY // PIECE + 1)))
        assert (disk / "ab" / "file").stat().st_size == stored.size_bytes == EARLY + PIECE
