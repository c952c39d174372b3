"""The service with accounts on, behind the nginx of ``deploy/``."""

import re
from collections.abc import Iterator

import pytest

from tests.deploy.door import Headers
from tests.servers.nginx import NginxServer
from tests.servers.service import Service


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), AUTH_ENABLED="true") as running:
        yield running


@pytest.fixture(scope="package")
def nginx(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxServer]:
    with NginxServer(tmp_path_factory.mktemp("door") / "nginx", api=(service.port,)) as running:
        yield running


@pytest.fixture(scope="package")
def password(service: Service) -> str:
    """That of the first admin."""
    found = re.search(r"password +(\S{20})$", service.said, re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(scope="package")
def admin(service: Service, password: str) -> Headers:
    """What the first admin sends with each request."""
    with service.client() as client:
        answer = client.post("/auth/login", json={"username": "admin", "password": password})
        answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
