"""Resumable uploads in a relational database: one row each, and one for each part."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.tables.arrivals import upload_parts, uploads
from calls_adapters.sql.writing import doom, take_hold
from calls_core.call import CallDetails, Direction
from calls_core.errors import UploadConflict, UploadExpired, UploadNotFound
from calls_core.ports import TOKEN_BITS, Upload, UploadId, UploadPart, Uploads
from calls_core.recording import CallId

_PARTS = (
    select(upload_parts.c.key, upload_parts.c.size_bytes)
    .where(upload_parts.c.upload_id == bindparam("upload_id"))
    .order_by(upload_parts.c.begins_at)
)


class SqlUploads(Uploads):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, upload: Upload) -> None:
        row = {
            "id": upload.id,
            "owner": upload.owner,
            "filename": upload.filename,
            "length": upload.length,
            "received": 0,
            "call_id": upload.call_id,
            "details": msgspec.json.encode(upload.details, enc_hook=dict).decode() if upload.details else None,
            "token": upload.token,
            "finished": False,
            "expires_at": upload.expires_at,
        }
        async with self._database.change() as connection:
            await connection.execute(insert(uploads).values(row))

    async def get(self, owner: str, upload_id: UploadId) -> Upload:
        is_over = (uploads.c.expires_at <= self._database.now()).label("is_over")
        wanted = select(uploads, is_over).where(uploads.c.id == upload_id, uploads.c.owner == owner)
        async with self._database.read() as connection:
            row = (await connection.execute(wanted)).mappings().one_or_none()
            parts = (await connection.execute(_PARTS, {"upload_id": upload_id})).mappings().all()
        if row is None:
            raise UploadNotFound(f"there is no upload {upload_id}")
        if row["is_over"]:
            raise UploadExpired("the upload was not finished in time; begin anew")
        return _upload_from(row, parts)

    async def begin(self, upload: Upload, expires_at: datetime) -> Upload:
        token = secrets.randbits(TOKEN_BITS)
        as_read = (uploads.c.id == upload.id) & (uploads.c.received == upload.offset) & uploads.c.finished.is_(False)
        async with self._database.change() as connection:
            statement = update(uploads).where(as_read).values(token=token, expires_at=expires_at)
            if (await connection.execute(statement)).rowcount == 0:
                raise UploadConflict("the upload was changed in this moment; ask for its offset again")
        return replace(upload, token=token, expires_at=expires_at)

    async def add_part(self, upload: Upload, part: UploadPart) -> Upload:
        longer = replace(upload, parts=(*upload.parts, part))
        row = {
            "upload_id": upload.id,
            "begins_at": upload.offset,
            "size_bytes": part.size_bytes,
            "key": part.key,
        }
        async with self._database.write() as connection:
            await _change(connection, upload, received=longer.offset)
            await connection.execute(insert(upload_parts).values(row))
            late = "the bytes took too long and were cleared away; send them again"
            await take_hold(connection, part.key, late)
        return longer

    async def close(self, upload: Upload, call_id: CallId) -> None:
        async with self._database.write() as connection:
            await finish_upload(self._database, connection, upload, call_id)

    async def remove(self, upload: Upload) -> None:
        async with self._database.write() as connection:
            # Locked first, so that no part is added meanwhile that nobody would know of.
            await connection.execute(select(uploads.c.id).where(uploads.c.id == upload.id).with_for_update())
            await _doom_parts(self._database, connection, upload)
            await connection.execute(delete(uploads).where(uploads.c.id == upload.id))

    async def unfinished(self) -> Sequence[Upload]:
        async with self._database.one() as connection:
            rows = (await connection.execute(select(uploads).where(uploads.c.finished.is_(False)))).mappings().all()
        return [_upload_from(row, ()) for row in rows]

    async def expired(self, limit: int) -> Sequence[Upload]:
        over = uploads.c.expires_at <= self._database.now()
        async with self._database.one() as connection:
            rows = (await connection.execute(select(uploads).where(over).limit(limit))).mappings().all()
        return [_upload_from(row, ()) for row in rows]


async def end_uploads(database: Database, connection: AsyncConnection, call_id: CallId) -> None:
    """Forget the uploads for a call, as a part of the transaction that erases it."""
    these = select(uploads.c.id).where(uploads.c.call_id == call_id)
    ids = (await connection.scalars(these.order_by(uploads.c.id).with_for_update())).all()
    parts = select(upload_parts.c.key).where(upload_parts.c.upload_id.in_(ids))
    await doom(database, connection, (await connection.scalars(parts)).all())
    await connection.execute(delete(uploads).where(uploads.c.id.in_(ids)))


async def finish_upload(
    database: Database, connection: AsyncConnection, upload: Upload | None, call_id: CallId
) -> None:
    """Finish *upload*, if there is one, as a part of the transaction that stores its recording.

    Raises:
        UploadConflict: somebody else has its token.
    """
    if upload is None:
        return
    await _change(connection, upload, received=upload.length, finished=True, call_id=call_id, details=None)
    await _doom_parts(database, connection, upload)
    await connection.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload.id))


async def _change(connection: AsyncConnection, upload: Upload, **values: Any) -> None:  # noqa: ANN401 (columns)
    mine = (uploads.c.id == upload.id) & (uploads.c.token == upload.token) & uploads.c.finished.is_(False)
    if (await connection.execute(update(uploads).where(mine).values(values))).rowcount == 0:
        raise UploadConflict("somebody else goes on with this upload by now; ask for its offset again")


async def _doom_parts(database: Database, connection: AsyncConnection, upload: Upload) -> None:
    """Leave the bytes of all parts to the next sweep; the last part of a finished upload has never been a row."""
    stored = (await connection.scalars(select(upload_parts.c.key).where(upload_parts.c.upload_id == upload.id))).all()
    await doom(database, connection, {*stored, *(part.key for part in upload.parts)})


def _upload_from(row: RowMapping, parts: Sequence[RowMapping]) -> Upload:
    return Upload(
        id=UploadId(row["id"]),
        owner=row["owner"],
        filename=row["filename"],
        length=row["length"],
        expires_at=row["expires_at"],
        call_id=CallId(row["call_id"]) if row["call_id"] else None,
        details=_details_from(row["details"]) if row["details"] else None,
        parts=tuple(UploadPart(part["key"], part["size_bytes"]) for part in parts),
        token=row["token"],
        finished=row["finished"],
    )


def _details_from(text: str) -> CallDetails:
    told = msgspec.json.decode(text)
    return CallDetails(
        **told
        | {
            "started_at": datetime.fromisoformat(told["started_at"]),
            "direction": Direction(told["direction"]) if told["direction"] else None,
            "tags": tuple(told["tags"]),
        }
    )
