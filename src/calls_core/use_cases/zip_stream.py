"""A ZIP archive made piece by piece: its size does not show in memory, nor does the number of its files."""

import pickle
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import IO, BinaryIO, Final, Self, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

PIECE: Final = 256 * 1024
SPOOLED: Final = 1024 * 1024
_READABLE: Final = 0o100644 << 16
_EARLIEST: Final = datetime(1980, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


class ZipStream:
    """Writes what cannot be sought in, so that sizes and checksums follow each file, as ZIP64 where it is needed.

    Use as a context manager: the directory, which comes last in an archive, grows on disk.
    """

    def __init__(self) -> None:
        self._made = _Made()
        self._zip = ZipFile(cast(BinaryIO, self._made), "w")
        self._directory = _Directory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()
        self._directory.close()

    async def added(
        self, name: str, content: AsyncIterator[bytes], at: datetime, *, compressed: bool = False
    ) -> AsyncIterator[bytes]:
        """Add a file, yielding pieces of the archive on the way; small files wait for the next ones."""
        moment = min(max(at.astimezone(UTC), _EARLIEST), _LATEST)
        info = ZipInfo(name, moment.timetuple()[:6])
        info.compress_type = ZIP_DEFLATED if compressed else ZIP_STORED
        info.external_attr = _READABLE
        with self._zip.open(info, "w", force_zip64=True) as member:
            async for piece in content:
                member.write(piece)
                if self._made.size >= PIECE:
                    yield self._made.taken()
        self._directory.append(self._zip.filelist.pop())
        self._zip.NameToInfo.clear()

    def ended(self) -> Iterator[bytes]:
        """Yield the rest: what waited, and the directory."""
        yield self._made.taken()
        self._made.spool()
        self._zip.filelist = cast(list[ZipInfo], self._directory)
        self._zip.close()
        yield from self._made.spooled()


class _Directory:
    """As much of a list of files as ``ZipFile`` needs to write the directory, kept on disk."""

    def __init__(self) -> None:
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 (see close)
        self._length = 0

    def append(self, info: ZipInfo) -> None:
        pickle.dump(info, self._spool)
        self._length += 1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ZipInfo]:
        self._spool.seek(0)
        for _ in range(self._length):
            yield pickle.load(self._spool)  # noqa: S301 (written a moment ago, by append)

    def close(self) -> None:
        self._spool.close()


class _Made:
    """As much of a file as ``ZipFile`` needs for one that cannot be sought in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._spool: IO[bytes] | None = None
        self.size = 0

    def write(self, piece: bytes) -> int:
        if self._spool is not None:
            return self._spool.write(piece)
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing to do: ``ZipFile`` asks for it."""

    def taken(self) -> bytes:
        made = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return made

    def spool(self) -> None:
        """Write to disk from now on."""
        self._spool = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 (see close)

    def spooled(self) -> Iterator[bytes]:
        assert self._spool is not None  # noqa: S101 (spool was called)
        self._spool.seek(0)
        while piece := self._spool.read(PIECE):
            yield piece

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
