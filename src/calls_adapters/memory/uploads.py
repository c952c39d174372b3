"""Resumable uploads in memory."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from calls_adapters.memory.database import MemoryDatabase
from calls_core.errors import UploadConflict, UploadExpired, UploadNotFound
from calls_core.ports import TOKEN_BITS, Clock, Upload, UploadId, UploadPart, Uploads
from calls_core.recording import CallId


class MemoryUploads(Uploads):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, upload: Upload) -> None:
        self._database.uploads[upload.id] = upload

    async def get(self, owner: str, upload_id: UploadId) -> Upload:
        upload = self._database.uploads.get(upload_id)
        if upload is None or upload.owner != owner:
            raise UploadNotFound(f"there is no upload {upload_id}")
        if upload.expires_at <= self._clock():
            raise UploadExpired("the upload was not finished in time; begin anew")
        return upload

    async def begin(self, upload: Upload, expires_at: datetime) -> Upload:
        stored = self._database.uploads.get(upload.id)
        if stored is None or stored.finished or stored.offset != upload.offset:
            raise UploadConflict("the upload was changed in this moment; ask for its offset again")
        begun = replace(stored, token=secrets.randbits(TOKEN_BITS), expires_at=expires_at)
        self._database.uploads[upload.id] = begun
        return begun

    async def add_part(self, upload: Upload, part: UploadPart) -> Upload:
        self._database.require_token(upload)
        self._database.require_hold(part.key)
        del self._database.holds[part.key]
        longer = replace(upload, parts=(*upload.parts, part))
        self._database.uploads[upload.id] = longer
        return longer

    async def close(self, upload: Upload, call_id: CallId) -> None:
        self._database.require_token(upload)
        self._database.finish_upload(upload, call_id, self._clock())

    async def remove(self, upload: Upload) -> None:
        stored = self._database.uploads.pop(upload.id, None)
        if stored:
            self._database.doom((part.key for part in stored.parts), self._clock())

    async def unfinished(self) -> Sequence[Upload]:
        return [replace(upload, parts=()) for upload in self._database.uploads.values() if not upload.finished]

    async def expired(self, limit: int) -> Sequence[Upload]:
        return [upload for upload in self._database.uploads.values() if upload.expires_at <= self._clock()][:limit]
