"""Passwords and the secret behind them."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calls_adapters.security.passwords import BcryptPasswords
from calls_adapters.security.secret import kept_secret

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("password", ["correct horse", "", "x" * 72, "x" * 1000, "пароль " * 100, "a\0b", "\ud800"])
async def test_passwords_match_themselves_only(password: str) -> None:
    """Of any length and in any script: every character counts, those after a NUL and beyond the 72nd byte, too."""
    passwords = BcryptPasswords(b"x" * 32, cost=4)
    stored = await passwords.hash(password)
    assert await passwords.matches(password, stored)
    assert not await passwords.matches(password + "x", stored)
    assert not await passwords.matches(password[:-1] + "y", stored)
    assert stored != await passwords.hash(password)


async def test_a_stolen_database_is_not_enough() -> None:
    """With another secret, the right password does not match."""
    stored = await BcryptPasswords(b"x" * 32, cost=4).hash("correct horse")
    assert not await BcryptPasswords(b"y" * 32, cost=4).matches("correct horse", stored)


async def test_an_unknown_user_takes_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work is done: one comparison by bcrypt, at the same cost."""
    passwords = BcryptPasswords(b"x" * 32, cost=5)
    seen = []
    monkeypatch.setattr("bcrypt.checkpw", lambda _given, stored: seen.append(bytes(stored)[:7]) or True)
    assert await passwords.matches("x", (await passwords.hash("y")))
    assert not await passwords.matches("x", None)
    assert seen == [b"$2b$05$", b"$2b$05$"]


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    """Whoever asks at the same time gets the same one; only its owner can read it, and nothing else is left behind."""
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: kept_secret(folder), range(8)))
    assert len(found) == 1
    assert len(next(iter(found))) >= 32
    assert [path.name for path in folder.iterdir()] == ["auth-secret"]
    assert stat.S_IMODE((folder / "auth-secret").stat().st_mode) == 0o600
