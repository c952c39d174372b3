"""Where audio is kept, and where it is fetched from."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What was written: how many bytes, and their SHA-256 in lower-case hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PresignedUrl:
    url: str
    expires_at: datetime


class RecordingStorage(Protocol):
    """Keeps audio bytes under a key.

    Keys are relative POSIX paths of at most 512 characters, made by the core and never by a client. What is stored
    is never changed. Any method may raise ``StorageUnavailable``: the outcome is then unknown.
    """

    @abstractmethod
    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        """Store all of *chunks* under *key*, durably: a power cut after the return loses nothing.

        All or nothing: readers see the whole recording or none of it, even if *chunks* raises half-way (that error
        passes through unchanged) or the process dies.

        Raises:
            RecordingExists: *key* is taken; the stored bytes are untouched.
            UploadExpired: it took longer than the storage keeps half an upload, a day or so.
        """

    @abstractmethod
    def read(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lend the bytes from *start* up to and not including *end* (None: to the last), in pieces.

        Raises (on enter):
            RecordingNotFound: nothing is stored under *key*.
        """

    @abstractmethod
    def local_copy(self, key: str, size_bytes: int) -> AbstractAsyncContextManager[Path]:
        """Lend a readable file holding the recording, valid until the context exits.

        Raises (on enter):
            RecordingNotFound: nothing is stored under *key*, or not *size_bytes* bytes.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Remove what is stored under *key*; nothing stored there is fine too."""

    @abstractmethod
    async def clear_leftovers(self) -> int:
        """Remove what writers that died left half-written, never what a living one writes; return how many."""

    @abstractmethod
    async def check(self) -> None:
        """Return when the storage can be written to; raise ``StorageUnavailable`` with what to do otherwise."""

    @abstractmethod
    async def presign(self, key: str, filename: str, media_type: str, lifetime: timedelta) -> PresignedUrl:
        """Return an address from which anyone may download the recording for *lifetime*.

        Raises:
            PresignedUrlsUnavailable: this storage cannot make one.
        """


class AudioSource(Protocol):
    """Fetches recordings from other systems."""

    @abstractmethod
    def fetch(self, url: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lend the bytes at *url*, in pieces. Only addresses that the policy allows are dialled; redirects are not
        followed.

        Raises (on enter and while reading):
            SourceUnavailable: no answer, or one that may change: 408, 429 or 5xx.
            SourceRefused: any other answer than 200, or an address that is not allowed.
        """
