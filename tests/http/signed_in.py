"""Signing in to the service of the fixture ``guarded``, and asking as who is signed in."""

from typing import Final

from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.test_calls import CALL

Client = AsyncTestClient[Litestar]
SESSION: Final = "01a202b1-dfed-7119-844e-d8b9db04950a"
"""An id that nothing has."""


async def sign_in(client: Client, username: str = "anna", password: str = "correct horse") -> str:
    answer = await client.post("/auth/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def status(client: Client, token: str, path: str = "/calls") -> int:
    return (await client.get(path, headers=bearing(token))).status_code


async def registered(client: Client) -> str:
    answer = await client.post("/calls", json=CALL, headers=bearing(await sign_in(client, "boss")))
    return str(answer.json()["id"])
