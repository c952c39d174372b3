"""One recording on its way into a bucket: gathered on disk part by part, sent, completed and verified."""

import asyncio
import base64
import hashlib
import logging
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from io import BufferedRandom
from typing import Any, Final, ParamSpec, TypeVar
from uuid import uuid4

from aiobotocore.client import AioBaseClient
from botocore.exceptions import ClientError

from calls_adapters.storage.copies import temporary_errors
from calls_adapters.storage.s3_client import S3Place, error_code, http_status, s3_errors, sending_limit
from calls_core.errors import RecordingExists, StorageUnavailable
from calls_core.faultpoint import faultpoint
from calls_core.ports import StoredFile

PART: Final = 8 * 1024 * 1024
"""S3 takes 10,000 parts of at least 5 MiB: enough for 78 GiB."""

BLOCK: Final = 512 * 1024
"""What is handed to a thread at once: smaller pieces cost more in handing over than they free."""

ABORT_SEC: Final = 15
_WRITER: Final = "calls-writer"

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("calls.storage")


class S3Upload:
    """Small recordings go in one request, larger ones in parts: while one is sent, the next is gathered.

    A part that is being gathered lies in a file without a name: a thousand slow senders cost disk space and no memory.
    The object carries a random name of its writer, so that after a lost answer our own object can be told from that
    of another writer.
    """

    def __init__(self, client: AioBaseClient, place: S3Place, key: str, threads: Executor) -> None:
        self._client = client
        self._place = place
        self._object: Final = {"Bucket": place.bucket, "Key": key}
        self._writer: Final = uuid4().hex
        self._threads = threads
        self._digest = hashlib.sha256()
        self._size = 0
        self._block: list[memoryview] = []
        self._pending = 0
        self._filled = 0
        self._spools: list[BufferedRandom] = []
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._sending: asyncio.Task[None] | None = None
        self._completed = False

    async def write(self, chunk: bytes) -> None:
        """Take *chunk*; an error of the service may come with a later one, or with ``finish``."""
        rest = memoryview(chunk)
        while rest:
            if self._filled == PART:
                await self._send_part()
            taken = rest[: PART - self._filled]
            self._block.append(taken)
            self._pending += len(taken)
            self._filled += len(taken)
            if self._pending >= BLOCK:
                await self._spool_block()
            rest = rest[len(taken) :]

    async def finish(self) -> StoredFile:
        """Send what is left, make it an object, and see that the service has it.

        Raises:
            RecordingExists: the key is taken.
            StorageUnavailable: the outcome is unknown.
        """
        if self._upload_id is None:
            await self._spool_block()
            checksum = _base64(self._digest.digest())
            await self._make_object(self._put_at_once, checksum)
        else:
            await self._send_part()
            await self._part_sent()
            parts = b"".join(base64.b64decode(part["ChecksumSHA256"]) for part in self._parts)
            checksum = f"{_base64(hashlib.sha256(parts).digest())}-{len(self._parts)}"
            await self._make_object(self._complete, checksum)
        return StoredFile(self._size, self._digest.hexdigest())

    async def abort(self) -> None:
        """Make the service forget the parts. What it cannot be told now is cleared away with the recording's key."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._upload_id is None or self._completed:
            return
        try:
            with s3_errors(self._place):
                async with asyncio.timeout(ABORT_SEC):
                    await self._client.abort_multipart_upload(**self._object, UploadId=self._upload_id)
        except StorageUnavailable as error:
            _log.warning("the parts of a broken upload are left to the sweep: %s", error)

    def close(self) -> None:
        for spool in self._spools:
            spool.close()

    async def _spool_block(self) -> None:
        block = b"".join(self._block)
        self._block.clear()
        self._pending = 0
        with temporary_errors():
            await self._in_thread(self._spool, block)
        self._size += len(block)

    def _spool(self, block: bytes) -> None:
        if not self._spools:
            self._spools = [tempfile.TemporaryFile(prefix="calls-") for _ in range(2)]  # noqa: SIM115 (see close)
        self._digest.update(block)
        self._spools[0].write(block)
        self._spools[0].flush()

    async def _send_part(self) -> None:
        await self._spool_block()
        await self._part_sent()
        if self._upload_id is None:
            with s3_errors(self._place):
                made = await self._client.create_multipart_upload(
                    **self._object, ChecksumAlgorithm="SHA256", Metadata={_WRITER: self._writer}
                )
            self._upload_id = made["UploadId"]
        full, empty = self._spools
        self._sending = asyncio.create_task(self._send(full))
        with temporary_errors():
            await self._in_thread(_empty, empty)
        self._spools = [empty, full]
        self._filled = 0

    async def _send(self, part: BufferedRandom) -> None:
        with temporary_errors():
            checksum = await self._in_thread(_checksum, part)
        number = len(self._parts) + 1
        with s3_errors(self._place):
            async with sending_limit():
                sent = await self._client.upload_part(
                    **self._object, UploadId=self._upload_id, PartNumber=number, Body=part, ChecksumSHA256=checksum
                )
        faultpoint("s3.part_sent")
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum})

    async def _part_sent(self) -> None:
        if self._sending is not None:
            await self._sending
            self._sending = None

    async def _put_at_once(self, checksum: str) -> None:
        spool = self._spools[0]
        spool.seek(0)
        await self._client.put_object(
            **self._object,
            Body=spool,
            ChecksumSHA256=checksum,
            IfNoneMatch="*",
            Metadata={_WRITER: self._writer},
        )

    async def _complete(self, _checksum: str) -> None:
        await self._client.complete_multipart_upload(
            **self._object, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}, IfNoneMatch="*"
        )

    async def _make_object(self, request: Callable[[str], Any], checksum: str) -> None:
        refusal: ClientError | None = None
        with s3_errors(self._place):
            try:
                async with sending_limit():
                    await request(checksum)
            except ClientError as error:
                # The first answer may have been lost, and this one be about our own object: look before believing it.
                if http_status(error) not in _AMBIGUOUS and error_code(error) != "NoSuchUpload":
                    raise
                refusal = error
            faultpoint("s3.completed")
            found = await self._head()
            if refusal is not None and found is None:
                raise refusal
        self._verify(found, checksum)
        faultpoint("s3.verified")

    async def _head(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._client.head_object(**self._object, ChecksumMode="ENABLED")
        except ClientError as error:
            if http_status(error) != _NOT_FOUND:
                raise
            return None
        return found

    def _verify(self, found: dict[str, Any] | None, checksum: str) -> None:
        """Hold what the service has against what was sent; *checksum* counts where the service keeps one."""
        if found is None:
            raise StorageUnavailable(f"{self._place} has lost what it took a moment ago: look at the S3 service")
        if found["Metadata"].get(_WRITER) != self._writer:
            raise RecordingExists(f"{self._object['Key']} is taken")
        self._completed = True
        if found["ContentLength"] != self._size or found.get("ChecksumSHA256", checksum) != checksum:
            raise StorageUnavailable(f"{self._place} keeps other bytes than it was sent: look at the S3 service")

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments, **named))


_NOT_FOUND: Final = 404
_AMBIGUOUS: Final = frozenset({409, 412, 500, 502, 503, 504})


def _checksum(part: BufferedRandom) -> str:
    part.seek(0)
    checksum = _base64(hashlib.file_digest(part, "sha256").digest())
    part.seek(0)
    return checksum


def _empty(spool: BufferedRandom) -> None:
    spool.seek(0)
    spool.truncate()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
