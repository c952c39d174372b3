"""Recordings as plain files below one folder."""

import asyncio
import errno
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, ParamSpec, TypeVar
from uuid import uuid4

from calls_adapters.storage.locks import locked, remove_unlocked
from calls_core.errors import PresignedUrlsUnavailable, RecordingExists, RecordingNotFound, StorageUnavailable
from calls_core.faultpoint import faultpoint
from calls_core.ports import PresignedUrl, RecordingStorage, StoredFile

PIECE: Final = 256 * 1024
EARLY: Final = 32 << 20
THREADS: Final = 8
_UNFINISHED: Final = ".unfinished"

P = ParamSpec("P")
T = TypeVar("T")


class LocalStorage(RecordingStorage):
    """Fills a temporary file, syncs it, then links it: a crash or a power cut never shows half a recording.

    The order is that of Garage's block store: write, fsync the file, give it its name, fsync the folder. A writer holds
    a lock on its temporary file, which ends with its process, so that leftovers of dead writers can be told from files
    that are being written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED
        # Threads of our own: plugins may fill those that everybody shares.
        self._threads = ThreadPoolExecutor(THREADS, "storage")

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        with _disk_errors():
            part, descriptor = await self._in_thread(self._open_part)
        try:
            digest, size, ordered = hashlib.sha256(), 0, 0
            async for chunk in chunks:
                # Hashed right here: a thread beside the loop took a fifth more processor time for a tenth more speed.
                digest.update(chunk)
                size += len(chunk)
                with _disk_errors():
                    _write_all(descriptor, chunk)
                    if size - ordered >= EARLY:
                        await self._in_thread(_prepare_disk, descriptor, ordered, size)
                        ordered = size
            faultpoint("fs.written")
            with _disk_errors():
                await self._in_thread(self._publish, part, descriptor, size, self._root / key)
            return StoredFile(size, digest.hexdigest())
        finally:
            os.close(descriptor)
            part.unlink(missing_ok=True)

    @asynccontextmanager
    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        with _disk_errors():
            try:
                file = await self._in_thread((self._root / key).open, "rb")
            except FileNotFoundError:
                self._missing(key)

        async def pieces() -> AsyncIterator[bytes]:
            left = None if end is None else end - start
            while left is None or left > 0:
                with _disk_errors():
                    piece = await self._in_thread(file.read, PIECE if left is None else min(PIECE, left))
                if not piece:
                    return
                if left is not None:
                    left -= len(piece)
                yield piece

        with file:
            file.seek(start)
            yield pieces()

    @asynccontextmanager
    async def local_copy(self, key: str, size_bytes: int) -> AsyncIterator[Path]:
        path = self._root / key
        with _disk_errors():
            try:
                found = await self._in_thread(path.stat)
            except FileNotFoundError:
                self._missing(key)
        if found.st_size != size_bytes:
            msg = f"{key} has {found.st_size} bytes and should have {size_bytes}"
            raise RecordingNotFound(msg)
        yield path

    async def delete(self, key: str) -> None:
        with _disk_errors():
            await self._in_thread((self._root / key).unlink, missing_ok=True)

    async def clear_leftovers(self) -> int:
        with _disk_errors():
            return await self._in_thread(remove_unlocked, self._unfinished.glob("*.part"))

    async def check(self) -> None:
        def write_nothing() -> None:
            folder = next(folder for folder in (self._unfinished, *self._unfinished.parents) if folder.exists())
            descriptor, name = tempfile.mkstemp(dir=folder, suffix=".part")
            os.close(descriptor)
            Path(name).unlink()

        with _disk_errors():
            await self._in_thread(write_nothing)

    async def presign(self, key: str, filename: str, media_type: str, lifetime: timedelta) -> PresignedUrl:  # noqa: ARG002 (the port's)
        msg = f"{filename!r} is kept in a local folder; download it through the API"
        raise PresignedUrlsUnavailable(msg)

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments, **named))

    def _missing(self, key: str) -> NoReturn:
        """Tell a file that is gone from a folder that is gone, which is an outage.

        Raises:
            StorageUnavailable: nothing was ever stored here.
            RecordingNotFound: the folder is the right one.
        """
        if not self._unfinished.is_dir():
            msg = f"{self._root} holds no recordings at all; mount the right folder, or mend RECORDINGS_DIR"
            raise StorageUnavailable(msg)
        msg = f"there is no file {key}"
        raise RecordingNotFound(msg)

    def _open_part(self) -> tuple[Path, int]:
        """Create a temporary file and lock it; begin anew when the sweep was quicker than the lock."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        while True:
            part = self._unfinished / f"{uuid4().hex}.part"
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            if locked(descriptor) and os.fstat(descriptor).st_nlink == 1:
                return part, descriptor
            os.close(descriptor)

    def _publish(self, part: Path, descriptor: int, size: int, target: Path) -> None:
        os.truncate(descriptor, size)  # what was reserved beyond it
        os.fsync(descriptor)
        faultpoint("fs.synced")
        new_folder = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(part, target)  # atomic, and refuses to overwrite
        except FileExistsError:
            msg = f"{target.name} is taken"
            raise RecordingExists(msg) from None
        faultpoint("fs.linked")
        _sync_folder(target.parent)
        if new_folder:
            _sync_folder(self._root)
        faultpoint("fs.folder_synced")


def _write_all(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _prepare_disk(descriptor: int, start: int, end: int) -> None:
    """Let the disk begin with what has been written since *start*, or the sync in the end would have to wait for it,
    and reserve as much after *end*: blocks found one by one, as they are written, take half as long again.
    """
    os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)  # hands dirty pages over, without waiting
    with suppress(OSError):  # a disk that is nearly full may have room for the rest all the same: writing will tell
        os.posix_fallocate(descriptor, end, EARLY)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_ADVICE: Final = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "raise the quota or free some space",
    errno.EROFS: "mount the disk writable",
    errno.EACCES: "let the service write to RECORDINGS_DIR",
    errno.EMFILE: "raise the limit of open files",
}


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Wrap our own disk work only: a sender that hangs up raises an OSError too."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "look at the disk that holds RECORDINGS_DIR")
        msg = f"{error.strerror or error}: {advice}"
        raise StorageUnavailable(msg) from error
