"""Recordings as objects in a bucket of an S3 service."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from aiobotocore.client import AioBaseClient
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError

from calls_adapters.storage.copies import clear_copies, new_copy, temporary_errors
from calls_adapters.storage.s3_check import examine
from calls_adapters.storage.s3_client import S3Place, error_code, s3_client, s3_errors
from calls_adapters.storage.s3_upload import S3Upload
from calls_core.errors import RecordingNotFound, UploadExpired
from calls_core.ports import PresignedUrl, RecordingStorage, StoredFile

PIECE: Final = 256 * 1024
THREADS: Final = 8

UPLOAD_LIMIT: Final = timedelta(days=1)
"""No upload takes longer, so parts that are older are nobody's."""

CLOCK_SKEW: Final = timedelta(minutes=30)
"""S3 services refuse whoever's clock is further from theirs than 15 minutes."""

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("calls.storage")


class S3Storage(RecordingStorage):
    """Uploads in parts with SHA-256 checksums, on the condition that the key is free; made by ``open_s3_storage``.

    Parts of a writer that died are aborted when its key is deleted, which the sweep does as soon as the hold on it has
    ended; those that nobody's key leads to, once they are older than any upload may become.
    """

    def __init__(
        self, place: S3Place, client: AioBaseClient, public: AioBaseClient, upload_limit: timedelta = UPLOAD_LIMIT
    ) -> None:
        self._place = place
        self._client = client
        self._public = public
        self._upload_limit = upload_limit
        self._threads = ThreadPoolExecutor(THREADS, "storage")
        self._examined = False
        self._look_again_at = 0.0

    def __str__(self) -> str:
        return str(self._place)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        """Store as the port says.

        Raises:
            UploadExpired: it took longer than any upload may.
        """
        upload = S3Upload(self._client, self._place, key, self._threads)
        limit = asyncio.timeout(self._upload_limit.total_seconds())
        try:
            async with limit:
                async for chunk in chunks:
                    await upload.write(chunk)
                return await upload.finish()
        except BaseException as error:
            await asyncio.shield(upload.abort())
            if isinstance(error, TimeoutError) and limit.expired():
                raise UploadExpired(f"the upload took longer than {self._upload_limit}; send it again") from error
            raise
        finally:
            upload.close()

    @asynccontextmanager
    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        nothing = end is not None and end <= start
        # An empty part cannot be asked for, but whether there is a recording must be.
        got = await self._get(key, 0, 1) if nothing else await self._get(key, start, end)
        async with AsyncExitStack() as stack:
            if got is not None:
                await stack.enter_async_context(got["Body"])
            yield self._pieces(None if nothing else got)

    @asynccontextmanager
    async def local_copy(self, key: str, size_bytes: int) -> AsyncIterator[Path]:
        got = await self._get(key)
        size = 0 if got is None else got["ContentLength"]
        async with AsyncExitStack() as stack:
            if got is not None:
                await stack.enter_async_context(got["Body"])
            if size != size_bytes:
                raise RecordingNotFound(f"{key} has {size} bytes and should have {size_bytes}")
            with temporary_errors():
                file = stack.enter_context(await self._in_thread(new_copy))
            async for piece in self._pieces(got):
                with temporary_errors():
                    await self._in_thread(file.write, piece)
            with temporary_errors():
                await self._in_thread(file.flush)
            yield Path(file.name)

    async def delete(self, key: str) -> None:
        with s3_errors(self._place):
            await self._client.delete_object(Bucket=self._place.bucket, Key=key)
            await self._abort_uploads(key)

    async def clear_leftovers(self) -> int:
        with temporary_errors():
            copies = await self._in_thread(clear_copies)
        if time.monotonic() < self._look_again_at:
            return copies
        with s3_errors(self._place):
            uploads = await self._abort_uploads("", self._upload_limit + CLOCK_SKEW)
        self._look_again_at = time.monotonic() + self._upload_limit.total_seconds() / 24
        return copies + uploads

    async def check(self) -> None:
        """As the port says: the first time all that is needed is tried, later only whether the bucket answers."""
        with s3_errors(self._place):
            if self._examined:
                await self._client.list_multipart_uploads(Bucket=self._place.bucket, MaxUploads=1)
                return
            for caveat in await examine(self._client, self._place):
                _log.warning("%s %s", self._place, caveat)
            self._examined = True

    async def presign(self, key: str, filename: str, media_type: str, lifetime: timedelta) -> PresignedUrl:
        expires_at = datetime.now(UTC).replace(microsecond=0) + lifetime
        with s3_errors(self._place):
            url = await self._public.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._place.bucket,
                    "Key": key,
                    "ResponseContentType": media_type,
                    "ResponseContentDisposition": _attachment(filename),
                },
                ExpiresIn=int(lifetime.total_seconds()),
            )
        return PresignedUrl(url, expires_at)

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def _get(self, key: str, start: int = 0, end: int | None = None) -> dict[str, Any] | None:
        """Ask for bytes; None where there is a recording, but not such bytes of it."""
        part = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        with s3_errors(self._place):
            try:
                got: dict[str, Any] = await self._client.get_object(Bucket=self._place.bucket, Key=key, **part)
            except ClientError as error:
                code = error_code(error)
                if code == "NoSuchKey":
                    raise RecordingNotFound(f"there is no recording under {key}") from error
                if code == "InvalidRange":
                    return None
                raise
        return got

    async def _pieces(self, got: dict[str, Any] | None) -> AsyncIterator[bytes]:
        while got is not None:
            with s3_errors(self._place):
                piece: bytes = await got["Body"].read(PIECE)
            if not piece:
                return
            yield piece

    async def _abort_uploads(self, prefix: str, older_than: timedelta | None = None) -> int:
        """Abort the uploads of the key *prefix*, or those of all keys that began longer ago than *older_than*."""
        aborted = 0
        pages = self._client.get_paginator("list_multipart_uploads")
        async for page in pages.paginate(Bucket=self._place.bucket, Prefix=prefix):
            for found in page.get("Uploads", ()):
                if prefix not in {"", found["Key"]}:
                    continue
                if older_than is not None and datetime.now(UTC) - found["Initiated"] < older_than:
                    continue
                aborted += await self._abort(found["Key"], found["UploadId"])
        return aborted

    async def _abort(self, key: str, upload_id: str) -> bool:
        try:
            await self._client.abort_multipart_upload(Bucket=self._place.bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if error_code(error) != "NoSuchUpload":  # somebody else was quicker
                raise
            return False
        return True

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments, **named))


@asynccontextmanager
async def open_s3_storage(place: S3Place, upload_limit: timedelta = UPLOAD_LIMIT) -> AsyncIterator[S3Storage]:
    """Lend the storage at *place*. Nothing is dialled before it is asked for something.

    Raises:
        ValueError: *place* is nowhere.
    """
    session = AioSession()  # which holds the description of S3: large, and one is enough
    async with AsyncExitStack() as stack:
        client = public = await stack.enter_async_context(s3_client(place, session, place.endpoint_url))
        if place.public_endpoint_url:
            # The name that clients use is part of the signature.
            public = await stack.enter_async_context(s3_client(place, session, place.public_endpoint_url))
        storage = S3Storage(place, client, public, upload_limit)
        stack.callback(storage.close)
        yield storage


def _attachment(filename: str) -> str:
    """Return a ``Content-Disposition`` (RFC 6266) that offers to save the answer as *filename*."""
    plain = filename.isascii() and not set(filename) & set('"\\%')
    header = Message()
    header.add_header("Content-Disposition", "attachment", filename=filename if plain else ("utf-8", "", filename))
    return str(header["Content-Disposition"])
