"""The service as its users run it, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def beep() -> Path:
    """Two seconds: half a second of a tone of 440 Hz, a quarter of a second of silence, and so on."""
    return Path(__file__).with_name("beep.wav")
