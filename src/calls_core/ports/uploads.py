"""Uploads that may be broken off and taken up again."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol
from uuid import UUID

from calls_core.call import CallDetails
from calls_core.recording import CallId

UploadId = NewType("UploadId", UUID)


@dataclass(frozen=True, slots=True)
class UploadPart:
    """Consecutive bytes of an upload, stored under a key of their own."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A recording of *length* bytes on its way in: that of the call *call_id*, or of one that *details* describe.

    Whoever began to add bytes last has the *token*. Once it is finished, *call_id* is known and *parts* are gone.
    """

    id: UploadId
    owner: str
    filename: str
    length: int
    expires_at: datetime
    call_id: CallId | None = None
    details: CallDetails | None = None
    parts: tuple[UploadPart, ...] = ()
    token: int = 0
    finished: bool = False

    @property
    def offset(self) -> int:
        """How many bytes are durable."""
        return self.length if self.finished else sum(part.size_bytes for part in self.parts)


class Uploads(Protocol):
    """Uploads at rest. Each method is one transaction. Any of them may raise ``RepositoryUnavailable``.

    The bytes of a part lie on a hold until ``add_part`` takes it away; when the upload ends, however it does, its parts
    go on holds that have ended, so that the next sweep deletes them. The upload is finished by the ``CallRepository``
    method that takes the ``Acceptance`` which carries it, or by ``close``.
    """

    @abstractmethod
    async def add(self, upload: Upload) -> None:
        """Store a new upload."""

    @abstractmethod
    async def get(self, owner: str, upload_id: UploadId) -> Upload:
        """Return the upload.

        Raises:
            UploadNotFound: *owner* has none of this id.
            UploadExpired: its time is up.
        """

    @abstractmethod
    async def begin(self, upload: Upload, expires_at: datetime) -> Upload:
        """Give the upload, which stands as it was read, a new token, and return it. With the old one, nothing can be
        added any more.

        Raises:
            UploadConflict: it has another offset by now, or is over.
        """

    @abstractmethod
    async def add_part(self, upload: Upload, part: UploadPart) -> Upload:
        """Store a part that begins at the offset of *upload*, drop the hold on it, and return the upload with it.

        Raises:
            UploadConflict: somebody else has the token.
            UploadExpired: the hold is gone.
        """

    @abstractmethod
    async def close(self, upload: Upload, call_id: CallId) -> None:
        """Finish the upload without storing anything, because the call *call_id* has been there all along.

        Raises:
            UploadConflict: somebody else has the token.
        """

    @abstractmethod
    async def remove(self, upload: Upload) -> None:
        """Forget the upload, whoever has the token."""

    @abstractmethod
    async def unfinished(self) -> Sequence[Upload]:
        """Return the uploads that are not finished, with their parts left out."""

    @abstractmethod
    async def expired(self, limit: int) -> Sequence[Upload]:
        """Return at most *limit* uploads whose time is up."""
