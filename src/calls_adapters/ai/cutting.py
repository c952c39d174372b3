"""Cuts decoded audio into WAV files that are sent one by one."""

import asyncio
import hashlib
import struct
import sys
import tempfile
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Final

from calls_adapters.ai.pieces import RATE_HZ, Piece
from calls_core.errors import Unavailable
from calls_core.ports import DecodedAudio

_SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece as a WAV file without a name, which is gone when the next one is asked for.

    *sha256* is that of its samples, so it is the same in every attempt.
    """

    piece: Piece
    file: IO[bytes]
    sha256: str
    duration_sec: float


async def cuts(samples: DecodedAudio, pieces: Sequence[Piece]) -> AsyncGenerator[Cut]:
    """Yield *pieces* as they become complete: on disk, so that memory does not grow with them.

    The last ones end where the audio ends, should that be earlier. Close the generator.

    Raises:
        Unavailable: there is no room for a piece on the disk.
    """
    lanes = [_Lane(deque(piece for piece in pieces if piece.lane == lane)) for lane in range(samples.channels)]
    with ExitStack() as open_files:
        for lane in lanes:
            open_files.callback(lane.close)
        async for block in samples:
            for lane, plane in zip(lanes, block, strict=True):
                rest = memoryview(plane)
                while rest:
                    rest = await asyncio.to_thread(lane.take, rest)
                    if lane.is_full:
                        yield lane.cut()
        for lane in lanes:
            if lane.has_some:
                yield lane.cut()


@dataclass
class _Lane:
    """One channel on its way into files."""

    waiting: deque[Piece]
    _position: int = 0
    _written: int = 0
    _file: IO[bytes] | None = None
    _sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _opened: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        self._opened.close()

    @property
    def is_full(self) -> bool:
        return bool(self.waiting) and self._position >= _index(self.waiting[0].end_sec)

    @property
    def has_some(self) -> bool:
        return self._written > 0

    def take(self, plane: memoryview) -> memoryview:
        """Write what of *plane* belongs to the present piece; return what comes after it."""
        if not self.waiting:
            return plane[:0]
        count = len(plane) // _SAMPLE_BYTES
        piece = self.waiting[0]
        first = max(0, min(count, _index(piece.start_sec) - self._position))
        last = max(first, min(count, _index(piece.end_sec) - self._position))
        if last > first:
            self._write(plane[first * _SAMPLE_BYTES : last * _SAMPLE_BYTES])
        self._position += last
        return plane[last * _SAMPLE_BYTES :]

    def cut(self) -> Cut:
        """End the present piece; its file is closed when the next one begins."""
        with _told():
            file = self._file or self._new_file()
            file.seek(0)
            file.write(_header(self._written))
            file.flush()
            file.seek(0)
        cut = Cut(self.waiting.popleft(), file, self._sha256.hexdigest(), self._written / RATE_HZ)
        self._file, self._written, self._sha256 = None, 0, hashlib.sha256()
        return cut

    def _write(self, samples: memoryview) -> None:
        if sys.byteorder == "big":
            swapped = array("h", samples.tobytes())
            swapped.byteswap()
            samples = memoryview(swapped.tobytes())
        with _told():
            self._file = self._file or self._new_file()
            self._file.write(samples)
        self._sha256.update(samples)
        self._written += len(samples) // _SAMPLE_BYTES

    def _new_file(self) -> IO[bytes]:
        self._opened.close()
        file = self._opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (it outlives this call)
        file.write(_header(0))
        return file


def _index(at_sec: float) -> int:
    return round(at_sec * RATE_HZ)


def _header(count: int) -> bytes:
    """Return the head of a 16-bit mono WAV file of *count* samples (Microsoft's RIFF, 1991, WAVE form)."""
    size = count * _SAMPLE_BYTES
    form = struct.pack("<HHIIHH", 1, 1, RATE_HZ, RATE_HZ * _SAMPLE_BYTES, _SAMPLE_BYTES, _SAMPLE_BYTES * 8)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"a piece of the recording cannot be written to the folder for temporary files: {error.strerror}"
        raise Unavailable(msg) from error
