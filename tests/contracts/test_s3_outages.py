"""S3 that is set up wrongly, dies, hangs, or was left in a mess: an outage that says what to do, and nothing lost."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from calls_adapters.storage import s3, s3_client
from calls_adapters.storage.s3 import open_s3_storage
from calls_adapters.storage.s3_upload import PART
from calls_core.errors import RecordingNotFound, StorageUnavailable
from tests.contracts.stored_bytes import digest_of, pieces
from tests.servers.s3 import S3Server

pytestmark = [pytest.mark.anyio, pytest.mark.requires("s3")]


@pytest.fixture
def mortal_server() -> Iterator[S3Server]:
    """A server of the test's own, to be killed or frozen."""
    with S3Server() as server:
        yield server


MISTAKES = {
    "another secret": ({"secret_key": "not-the-secret"}, "S3_SECRET_KEY"),
    "another key": ({"access_key": "nobody"}, "S3_ACCESS_KEY"),
    "no bucket": ({"bucket": "never-made"}, "S3_BUCKET"),
    "nobody listens": ({"endpoint_url": "http://127.0.0.1:9"}, "S3_ENDPOINT_URL"),
    "not TLS": ({"endpoint_url": "https"}, "S3_SECURE"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_in_the_settings_is_named(
    mistake: str, s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked of the storage is an outage, soon, with the setting to mend, and without the secret."""
    changed, said = MISTAKES[mistake]
    if changed.get("endpoint_url") == "https":
        changed = {"endpoint_url": s3_server.url.replace("http:", "https:")}
    monkeypatch.setattr(s3_client, "ATTEMPTS", 1)
    place = replace(s3_server.place(s3_bucket), **changed)
    began = time.monotonic()
    async with open_s3_storage(place) as storage:
        requests: list[Callable[[], Any]] = [
            storage.check,
            lambda: storage.put("a/a", pieces(b"RIFF")),
            lambda: digest_of(storage, "a/a"),
            lambda: storage.delete("a/a"),
            storage.clear_leftovers,
        ]
        for request in requests:
            with pytest.raises(StorageUnavailable) as outage:
                await request()
            assert said in str(outage.value)
            assert place.secret_key not in str(outage.value) + repr(place)
    assert time.monotonic() - began < 60


async def test_a_server_that_dies_half_way_leaves_no_recording(mortal_server: S3Server) -> None:
    """The upload ends as an outage in bounded time; when the server is back, the sweep's deletion clears the parts."""
    bucket = mortal_server.create_bucket()

    async def fateful() -> AsyncIterator[bytes]:
        yield bytes(2 * PART + 1)
        assert mortal_server.unfinished(bucket) == {"a/a"}
        mortal_server.kill()
        for _ in range(3):
            yield bytes(PART)

    async with open_s3_storage(mortal_server.place(bucket)) as storage:
        began = time.monotonic()
        with pytest.raises(StorageUnavailable, match="does not answer"):
            await storage.put("a/a", fateful())
        assert time.monotonic() - began < 30
        mortal_server.start()
        assert mortal_server.unfinished(bucket) == {"a/a"}
        assert await storage.clear_leftovers() == 0, "it is younger than uploads may become"
        with pytest.raises(RecordingNotFound):
            await digest_of(storage, "a/a")
        await storage.delete("a/a")
        assert mortal_server.unfinished(bucket) == set()
        await storage.put("a/a", pieces(b"again"))


async def test_a_server_that_hangs_is_not_waited_for(mortal_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is an outage after a while, in the middle of a recording too."""
    monkeypatch.setattr(s3_client, "SILENCE_SEC", 0.5)
    bucket = mortal_server.create_bucket()
    data = hashlib.shake_128(b"audio").digest(3 * PART)
    async with open_s3_storage(mortal_server.place(bucket)) as storage:
        await storage.put("a/a", pieces(data))
        async with storage.read("a/a") as stored:
            await anext(stored)
            mortal_server.pause()
            with pytest.raises(StorageUnavailable, match="does not answer"):
                _ = [piece async for piece in stored]
        for recording in (b"RIFF", data[:PART]):
            with pytest.raises(StorageUnavailable, match="does not answer"):
                await storage.put("b/b", pieces(recording))
        mortal_server.resume()
        assert await digest_of(storage, "a/a") == hashlib.sha256(data).hexdigest()


async def test_only_uploads_older_than_any_may_become_are_cleared(
    s3_server: S3Server, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that no key leads to any more stay while somebody might still be writing them, and go then."""
    s3_server.client.create_multipart_upload(Bucket=s3_bucket, Key="x/forgotten")
    async with open_s3_storage(s3_server.place(s3_bucket)) as storage:
        assert await storage.clear_leftovers() == 0
    monkeypatch.setattr(s3, "CLOCK_SKEW", timedelta(seconds=-2))  # times are told in whole seconds
    async with open_s3_storage(s3_server.place(s3_bucket), upload_limit=timedelta(0)) as storage:
        assert await storage.clear_leftovers() == 1
    assert s3_server.unfinished(s3_bucket) == set()
