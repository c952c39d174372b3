"""What S3 adds to the contract of a recording storage: parts, conditions, addresses, and what nobody needs."""

import asyncio
import hashlib
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError

from calls_adapters.storage import s3_client
from calls_adapters.storage.s3 import S3Storage, open_s3_storage
from calls_adapters.storage.s3_upload import PART
from calls_core.errors import RecordingExists, StorageUnavailable, UploadExpired
from calls_core.ports import StoredFile
from tests.contracts.stored_bytes import digest_of, pieces
from tests.servers.s3 import SECRET_KEY, S3Server

pytestmark = [pytest.mark.anyio, pytest.mark.requires("s3")]


@pytest.fixture
async def client(s3_server: S3Server) -> AsyncIterator[Any]:
    """The library's client below the storage, for tests that make the service lie."""
    async with s3_client.s3_client(s3_server.place(""), AioSession(), s3_server.url) as opened:
        yield opened


@pytest.fixture
def storage(client: Any, s3_server: S3Server, s3_bucket: str) -> S3Storage:
    return S3Storage(s3_server.place(s3_bucket), client, client)


def refusal(status: int, code: str) -> ClientError:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Request")  # type: ignore[no-untyped-call, unused-ignore]


@pytest.mark.parametrize("size", [0, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 12_345])
async def test_any_number_of_parts_makes_the_same_recording(
    storage: S3Storage, s3_server: S3Server, s3_bucket: str, size: int
) -> None:
    """Around the length of a part nothing is lost or doubled, and no upload stays open."""
    data = hashlib.shake_128(b"audio").digest(size)
    stored = await storage.put("a/a", pieces(data))
    assert (stored.size_bytes, stored.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert await digest_of(storage, "a/a") == stored.sha256
    async with storage.local_copy("a/a", size) as path:
        assert path.read_bytes() == data
    assert not path.exists()
    assert s3_server.unfinished(s3_bucket) == set()


async def test_of_several_long_recordings_under_one_key_one_is_stored(
    storage: S3Storage, s3_server: S3Server, s3_bucket: str
) -> None:
    """Uploads in parts that all begin before the first ends are no exception, and the losers' parts are not left."""
    recordings = [bytes([number]) * (PART + 1) for number in range(3)]
    begun, is_stored = asyncio.Barrier(3), asyncio.Event()

    async def slowly(recording: bytes) -> AsyncIterator[bytes]:
        yield recording[:PART]
        await begun.wait()
        if recording is not recordings[0]:  # the server looks, then writes: two at one moment would both be told yes
            await is_stored.wait()
        yield recording[PART:]

    async def put(recording: bytes) -> StoredFile:
        try:
            return await storage.put("a/a", slowly(recording))
        finally:
            is_stored.set()

    told = await asyncio.gather(*(put(recording) for recording in recordings), return_exceptions=True)
    won = [stored.sha256 for stored in told if not isinstance(stored, BaseException)]
    assert [await digest_of(storage, "a/a")] == won
    assert [type(refused) for refused in told if isinstance(refused, BaseException)] == [RecordingExists] * 2
    assert s3_server.unfinished(s3_bucket) == set()


@pytest.mark.parametrize("ending", ["error", "cancelled", "too slow"])
async def test_a_broken_upload_takes_its_parts_along(
    ending: str, client: Any, s3_server: S3Server, s3_bucket: str
) -> None:
    """Whether its sender fails, its request is cancelled, or it takes too long: parts that were sent are aborted."""
    sent = asyncio.Event()

    async def breaking() -> AsyncIterator[bytes]:
        yield bytes(2 * PART + 1)
        assert s3_server.unfinished(s3_bucket) == {"a/a"}
        sent.set()
        if ending == "error":
            raise ConnectionResetError
        await asyncio.Event().wait()

    limit = timedelta(seconds=2 if ending == "too slow" else 1000)
    storage = S3Storage(s3_server.place(s3_bucket), client, client, limit)
    upload = asyncio.create_task(storage.put("a/a", breaking()))
    await sent.wait()
    if ending == "cancelled":
        upload.cancel()
    expected = {"error": ConnectionResetError, "cancelled": asyncio.CancelledError, "too slow": UploadExpired}
    with pytest.raises(expected[ending]):
        await upload
    assert s3_server.unfinished(s3_bucket) == s3_server.keys(s3_bucket) == set()


@pytest.mark.parametrize("operation", ["put_object", "complete_multipart_upload"])
@pytest.mark.parametrize("answer", [(412, "PreconditionFailed"), (404, "NoSuchUpload"), (500, "InternalError")])
async def test_our_own_object_is_known_after_a_lost_answer(
    operation: str, answer: tuple[int, str], client: Any, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is lost and the repeated request is refused because of the first: it was stored all the same."""
    real = getattr(client, operation)

    async def unlucky(**request: Any) -> None:
        await real(**request)
        raise refusal(*answer)

    monkeypatch.setattr(client, operation, unlucky)
    data = bytes(PART + 1) if operation == "complete_multipart_upload" else b"RIFF"
    stored = await storage.put("a/a", pieces(data))
    assert await digest_of(storage, "a/a") == stored.sha256


async def test_what_the_service_did_not_keep_is_not_accepted(
    client: Any, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A success that is none, or other bytes than were sent, is found out before anybody is told 2xx."""

    async def nothing(**_: Any) -> None:
        return

    with monkeypatch.context() as patch:
        patch.setattr(client, "put_object", nothing)
        with pytest.raises(StorageUnavailable, match="lost"):
            await storage.put("a/a", pieces(b"RIFF"))
    real = client.head_object
    for wrong in ({"ContentLength": 3}, {"ChecksumSHA256": "AAAA"}):

        async def other(wrong: Any = wrong, **request: Any) -> Any:
            return await real(**request) | wrong

        with monkeypatch.context() as patch:
            patch.setattr(client, "head_object", other)
            with pytest.raises(StorageUnavailable, match="other bytes"):
                await storage.put(f"a/{next(iter(wrong))}", pieces(b"RIFF"))


async def test_a_service_that_overwrites_is_refused(
    client: Any, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check finds it out by trying, before any recording is at stake, and leaves nothing in the bucket."""
    real = client.put_object

    async def careless(**request: Any) -> Any:
        request.pop("IfNoneMatch")
        return await real(**request)

    monkeypatch.setattr(client, "put_object", careless)
    with pytest.raises(StorageUnavailable, match="overwrites objects"):
        await storage.check()


async def test_a_service_without_checksums_is_told_of(
    client: Any, storage: S3Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sizes are verified still; the log says once that this is all."""
    real = client.head_object

    async def plain(**request: Any) -> Any:
        return {name: value for name, value in (await real(**request)).items() if name != "ChecksumSHA256"}

    monkeypatch.setattr(client, "head_object", plain)
    with caplog.at_level(logging.WARNING):
        await storage.check()
        await storage.check()
    assert [record.message for record in caplog.records if "no SHA-256" in record.message] != []
    assert len(caplog.records) == 1
    await storage.put("a/a", pieces(b"RIFF"))


async def test_a_presigned_address_works_for_anybody_for_a_while(s3_server: S3Server, s3_bucket: str) -> None:
    """A plain client gets bytes, ranges, name and type by its public name until it expires; a changed one is void."""
    public = s3_server.url.replace("127.0.0.1", "localhost")
    async with open_s3_storage(s3_server.place(s3_bucket, public_endpoint_url=public)) as storage:
        await storage.put("a/a", pieces(b"RIFF-and-more"))
        name = 'Анна "1" 100%.wav'
        good = await storage.presign("a/a", name, "audio/wav", timedelta(minutes=15))
        plain = await storage.presign("a/a", "call.wav", "audio/wav", timedelta(minutes=15))
        short = await storage.presign("a/a", "call.wav", "audio/wav", timedelta(seconds=1))
    assert good.url.startswith(f"{public}/")
    async with httpx2.AsyncClient(trust_env=False) as anybody:
        whole = await anybody.get(good.url)
        assert (whole.status_code, whole.content) == (200, b"RIFF-and-more")
        assert whole.headers["content-type"] == "audio/wav"
        encoded = "%D0%90%D0%BD%D0%BD%D0%B0%20%221%22%20100%25.wav"
        assert whole.headers["content-disposition"] == f"attachment; filename*=utf-8''{encoded}"
        part = await anybody.get(plain.url, headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"RIFF")
        assert part.headers["content-disposition"] == 'attachment; filename="call.wav"'
        for changed in (
            good.url.replace("a/a", "a/b"),
            good.url.replace("audio%2Fwav", "text%2Fhtml"),
            good.url.replace("Expires=900", "Expires=9000"),
            good.url.replace("localhost", "127.0.0.1"),
            good.url.partition("?")[0],
        ):
            assert changed != good.url
            assert (await anybody.get(changed)).status_code == 403, changed
        deadline = time.monotonic() + 60
        while (await anybody.get(short.url)).status_code != 403:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def test_a_full_or_missing_folder_for_copies_says_what_to_do(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an upload nor a copy can be had without room for temporary files; both name TMPDIR."""
    await storage.put("a/a", pieces(b"RIFF"))
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    with pytest.raises(StorageUnavailable, match="TMPDIR"):
        async with storage.local_copy("a/a", 4):
            pass
    with pytest.raises(StorageUnavailable, match="TMPDIR"):
        await storage.put("b/b", pieces(b"RIFF"))


KILLED_READER = """
import os, signal
from calls_adapters.storage.copies import new_copy
file = new_copy()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_copies_of_a_killed_worker_are_cleared(
    storage: S3Storage, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a dead process was working on goes with the next sweep; what is being worked on stays."""
    folder = tmp_path_factory.mktemp("copies")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    await storage.put("a/a", pieces(b"RIFF"))
    dying = [sys.executable, "-c", KILLED_READER]
    await asyncio.to_thread(subprocess.run, dying, check=False, env={"TMPDIR": str(folder)})
    assert len(list(folder.iterdir())) == 1
    async with storage.local_copy("a/a", 4) as path:
        assert await storage.clear_leftovers() == 1
        assert list(folder.iterdir()) == [path]
    assert list(folder.iterdir()) == []


EIGHT_UPLOADS = f"""
import asyncio, sys
from calls_adapters.storage.s3 import open_s3_storage
from calls_adapters.storage.s3_client import S3Place

def peak_kb():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

async def chunks(count):
    for _ in range(count):
        yield bytes(65536)

async def main():
    url, bucket = sys.argv[1:]
    place = S3Place(
        bucket=bucket, access_key="calls-test", secret_key={SECRET_KEY!r}, region="us-east-1", endpoint_url=url
    )
    async with open_s3_storage(place) as storage:
        await storage.put("warm/up", chunks(1))
        before = peak_kb()
        await asyncio.gather(*(storage.put(f"a/{{n}}", chunks(192)) for n in range(8)))
        print(peak_kb() - before)

asyncio.run(main())
"""


async def test_memory_does_not_grow_with_uploads(s3_server: S3Server, s3_bucket: str) -> None:
    """Eight recordings of 12 MiB at once take less than 32 MB of memory."""
    run = [sys.executable, "-c", EIGHT_UPLOADS, s3_server.url, s3_bucket]
    done = await asyncio.to_thread(subprocess.run, run, check=True, capture_output=True, text=True)
    print(f"grew by {int(done.stdout) // 1024} MiB")
    assert int(done.stdout) < 32_000
