import pytest

from calls_adapters.sql import normalized_url


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:///data/calls.db", "sqlite+aiosqlite:///data/calls.db"),
        ("sqlite+aiosqlite:////var/calls.db", "sqlite+aiosqlite:////var/calls.db"),
        ("postgres://u:p%40ss@h:5433/d", "postgresql+asyncpg://u:p%40ss@h:5433/d"),
        ("postgresql://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
        ("postgresql+asyncpg://h/d", "postgresql+asyncpg://h/d"),
    ],
)
def test_takes_the_forms_that_people_write(given: str, expected: str) -> None:
    """The driver is ours to choose, the password stays readable for it."""
    assert normalized_url(given) == expected


@pytest.mark.parametrize(
    "url",
    ["", "calls.db", "mysql://h/d", "postgresql+psycopg2://h/d", "sqlite://", "sqlite:///:memory:", "http://h:x/d"],
)
def test_refuses_what_it_cannot_open(url: str) -> None:
    """With a sentence that begins with the name of the setting."""
    with pytest.raises(ValueError, match=r"^DATABASE_URL: "):
        normalized_url(url)
