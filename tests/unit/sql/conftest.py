"""Databases of a test's own, not migrated yet."""

from pathlib import Path

import pytest

KINDS = [
    pytest.param("sqlite", marks=pytest.mark.requires("sqlite")),
    pytest.param("postgres", marks=pytest.mark.requires("postgres")),
]


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/calls.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
