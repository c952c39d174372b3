"""Resumable uploads by a client of somebody else's, over a line that is cut."""

import asyncio
import hashlib
import os
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.uploader import Uploader

from calls_adapters.sql.migrate import migrate
from tests.e2e.conversation import ended
from tests.servers.proxy import Proxy, Weather
from tests.servers.s3 import S3Server
from tests.servers.service import Service

CUTS = 10
SIZE = (300 if os.environ.get("CALLS_SOAK") else 20) * 1024**2
CALL = {"caller": "+7900", "receiver": "101", "started_at": "2026-11-22T09:30:00Z"}


@pytest.fixture(scope="module")
def long_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of many megabytes that holds no two equal kilobytes."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48000, 0, "NONE", ""))
        file.writeframes(hashlib.shake_256(b"long").digest(SIZE))
    return path


def sent_whole(client: TusClient, path: Path, **options: Any) -> Uploader:
    """Upload as that client does, going on after every break."""
    metadata = {"filename": path.name, **CALL}
    with path.open("rb") as file:
        uploader: Uploader = client.uploader(file_stream=file, metadata=metadata, retries=200, retry_delay=0, **options)
        uploader.upload()
    return uploader


def arrived(service: Service, uploader: Uploader, path: Path) -> None:
    with service.client() as client:
        upload = client.head(uploader.url.split("/", 3)[3], headers={"Tus-Resumable": "1.0.0"})
        recording = client.get(upload.headers["content-location"]).json()
        assert recording["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert client.get("/calls").json()["total"] == 1
        ended(client, recording["call_id"])


def test_a_recording_arrives_over_a_line_that_is_cut_ten_times(tmp_path: Path, long_call: Path) -> None:
    """What had arrived before each cut need not be sent again, and what arrives in the end is right, and there once."""
    with Service(tmp_path) as service, Proxy(service.port) as proxy:
        proxy.change(Weather(up=SIZE // (CUTS + 1)))
        client = TusClient(f"http://127.0.0.1:{proxy.port}/uploads")
        uploader = sent_whole(client, long_call)
        assert proxy.resets >= CUTS
        proxy.heal()
        arrived(service, uploader, long_call)


@pytest.fixture
def replicas(tmp_path: Path, postgres_url: str, s3_server: S3Server) -> Iterator[tuple[Service, Service]]:
    asyncio.run(migrate(postgres_url))
    variables = s3_server.settings(s3_server.create_bucket())
    with ExitStack() as stack:
        made = [
            Service(tmp_path / name, postgres_url, log=f"{name}.log", **variables)
            for name in ("one", "two")
            if (tmp_path / name).mkdir() is None
        ]
        one, two = (stack.enter_context(service) for service in made)
        yield one, two


@pytest.mark.requires("postgres")
@pytest.mark.requires("s3")
def test_parts_may_go_to_different_replicas(replicas: tuple[Service, Service], long_call: Path) -> None:
    """One begins, dies in the middle, and the other goes on from what was confirmed."""
    one, two = replicas
    metadata = {"filename": long_call.name, **CALL}
    with long_call.open("rb") as file:
        first = TusClient(f"{one.url}/uploads").uploader(
            file_stream=file, metadata=metadata, chunk_size=8 * 1024**2, upload_checksum=True
        )
        first.upload_chunk()
        one.kill()
        url = first.url.replace(one.url, two.url)
        second = TusClient(f"{two.url}/uploads").uploader(file_stream=file, url=url, chunk_size=8 * 1024**2)
        assert second.offset == first.offset == 8 * 1024**2
        second.upload()
    arrived(two, second, long_call)
