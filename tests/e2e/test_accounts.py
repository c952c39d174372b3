"""Accounts as an operator meets them: the first start, the command line, and what a restart keeps."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from calls_app.server import require_safe_address
from calls_app.settings import SettingsError
from tests.servers.service import Service


def users(service: Service, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "calls_app", "users", *arguments],
        env={"PATH": "", "HOME": str(service.folder), "DATABASE_URL": f"sqlite:///{service.folder / 'calls.db'}"},
        cwd=service.folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sign_in(client: httpx2.Client, username: str, password: str) -> dict[str, str]:
    answer = client.post("/auth/login", json={"username": username, "password": password})
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_the_first_start_makes_an_admin_once(tmp_path: Path) -> None:
    """Its password is shown by that start and no other, and works. The command line adds users and keeps them out at
    once. Sessions outlive a restart, since the secret is kept, for its owner only."""
    with Service(tmp_path, AUTH_ENABLED="true", worker=False) as service, service.client() as client:
        assert client.get("/calls").status_code == 401
        (password,) = re.findall(r"password +(\S{20})$", service.said, re.MULTILINE)
        admin = sign_in(client, "admin", password)
        assert client.get("/audit", headers=admin).json()["items"][-1]["action"] == "user.added"

        added = users(service, "add", "Anna", "--role", "operator", typed="correct horse\n")
        assert (added.returncode, added.stdout) == (0, "anna may sign in as operator\n"), added.stderr
        anna = sign_in(client, "anna", "correct horse")
        assert "anna" in users(service, "list").stdout
        again = users(service, "add", "anna", typed="correct horse\n")
        assert (again.returncode, again.stderr.count("\n")) == (1, 1)
        assert users(service, "add", "eve", typed="short\n").returncode == 1

        assert users(service, "passwd", "anna", typed="another horse\n").returncode == 0
        assert client.get("/calls", headers=anna).status_code == 401
        anna = sign_in(client, "anna", "another horse")
        assert users(service, "disable", "anna").returncode == 0
        assert client.get("/calls", headers=anna).status_code == 401
        assert users(service, "disable", "admin").returncode == 1

        service.kill()
        service.start()
        assert "password" not in service.said
        assert client.get("/calls", headers=admin).status_code == 200
        assert stat.S_IMODE((tmp_path / "auth-secret").stat().st_mode) == 0o600
        assert password not in (tmp_path / "calls.db").read_bytes().decode("latin-1")


def test_only_a_service_with_accounts_is_open_to_the_network() -> None:
    """Unless somebody says that they know better."""
    with pytest.raises(SettingsError, match="AUTH_ENABLED=true"):
        require_safe_address("0.0.0.0", accounts=False, insecure=False)
    require_safe_address("0.0.0.0", accounts=True, insecure=False)
    require_safe_address("0.0.0.0", accounts=False, insecure=True)
    require_safe_address("127.0.0.1", accounts=False, insecure=False)
