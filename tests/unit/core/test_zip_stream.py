"""An archive that is made in pieces is one that everybody can read."""

import io
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from calls_core.use_cases.zip_stream import PIECE, ZipStream

pytestmark = pytest.mark.anyio


async def repeated(piece: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield piece


async def test_what_went_in_comes_out() -> None:
    """Stored or compressed; times beyond those that the format knows become the nearest ones."""
    pieces = []
    with ZipStream() as stream:
        for name, at, compressed in (
            ("audio/a.wav", datetime(2026, 11, 22, 9, 30, 6, tzinfo=UTC), False),
            ("b.csv", datetime(1901, 1, 1, tzinfo=UTC), True),
            ("c.csv", datetime(2200, 1, 1, tzinfo=UTC), True),
        ):
            content = repeated(b"0123456789abcdef" * 4096, 40)
            pieces += [piece async for piece in stream.added(name, content, at, compressed=compressed)]
        pieces += stream.ended()
    made = b"".join(pieces)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert archive.read("audio/a.wav") == b"0123456789abcdef" * 4096 * 40
        assert [info.date_time for info in archive.infolist()] == [
            (2026, 11, 22, 9, 30, 6),
            (1980, 1, 1, 0, 0, 0),
            (2107, 12, 31, 23, 59, 58),
        ]
        assert archive.getinfo("audio/a.wav").compress_size == 2**16 * 40
        assert archive.getinfo("b.csv").compress_size < 2**16
    assert max(map(len, pieces)) < 2 * PIECE


async def test_more_than_four_gigabytes_fit() -> None:
    """Sizes that need ZIP64 are written as such: what the format held to be the limit is none."""
    size, times = 0, 2**32 // 2**26 + 1
    with ZipStream() as stream:
        async for piece in stream.added("a.wav", repeated(bytes(2**26), times), datetime(2026, 1, 1, tzinfo=UTC)):
            size += len(piece)
        tail = b"".join(stream.ended())
    size += len(tail)
    directory = zipfile.ZipFile(_Sparse(tail, size)).infolist()
    assert [info.file_size for info in directory] == [2**26 * times]


async def test_the_number_of_files_does_not_show_in_memory() -> None:
    """Five thousand more cost nothing but disk."""
    with ZipStream() as stream:
        sizes = []
        tracemalloc.start()
        for number in range(6000):
            name = f"audio/2026-11-22_09-30-01_+79001234567_102_01a202b1-dfed-7119-844e-d8b9db04950a-{number}.wav"
            async for _ in stream.added(name, repeated(b"RIFF", 1), datetime(2026, 1, 1, tzinfo=UTC)):
                pass
            if number in {1000, 5999}:
                sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert len(list(stream.ended())) > 1
    assert sizes[1] - sizes[0] < 1_000_000


class _Sparse(io.RawIOBase):
    """A file of *size* bytes of which only the *tail* is there."""

    def __init__(self, tail: bytes, size: int) -> None:
        self._tail, self._size, self._at = tail, size, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        start = self._at - (self._size - len(self._tail))
        assert start >= 0
        found = self._tail[start : None if size < 0 else start + size]
        self._at += len(found)
        return found
