"""Audio bytes in memory."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from calls_core.errors import PresignedUrlsUnavailable, RecordingExists, RecordingNotFound
from calls_core.ports import PresignedUrl, RecordingStorage, StoredFile

PIECE: Final = 64 * 1024


class MemoryStorage(RecordingStorage):
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        data = b"".join([chunk async for chunk in chunks])
        if key in self.files:
            raise RecordingExists(f"{key} is taken")
        self.files[key] = data
        return StoredFile(len(data), hashlib.sha256(data).hexdigest())

    @asynccontextmanager
    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        data = self._stored(key)[start:end]

        async def pieces() -> AsyncIterator[bytes]:
            for offset in range(0, len(data), PIECE):
                yield data[offset : offset + PIECE]

        yield pieces()

    @asynccontextmanager
    async def local_copy(self, key: str, size_bytes: int) -> AsyncIterator[Path]:
        data = self._stored(key)
        if len(data) != size_bytes:
            raise RecordingNotFound(f"{key} has {len(data)} bytes and should have {size_bytes}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "recording")
            path.write_bytes(data)  # noqa: ASYNC240 (in memory there is nothing to wait for)
            yield path

    async def delete(self, key: str) -> None:
        self.files.pop(key, None)

    async def clear_leftovers(self) -> int:
        return 0

    async def check(self) -> None:
        """Memory can always be written to."""

    async def presign(self, key: str, filename: str, media_type: str, lifetime: timedelta) -> PresignedUrl:  # noqa: ARG002 (the port's)
        raise PresignedUrlsUnavailable(f"{filename!r} is kept in memory; download it through the API")

    def _stored(self, key: str) -> bytes:
        try:
            return self.files[key]
        except KeyError:
            raise RecordingNotFound(f"there is no recording under {key}") from None
