"""Where accounts are on: signing in and out, what a viewer does not get to see, and a session that ends."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TookTooLong

from tests.browser.seeing import SCREENSHOTS, barriers
from tests.e2e.conversation import ended, register, upload
from tests.servers.service import Service

pytestmark = pytest.mark.requires("browser")

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("guarded"), AUTH_ENABLED="true") as running:
        yield running


@pytest.fixture(scope="module")
def admin(guarded: Service) -> Iterator[httpx2.Client]:
    """A client that is signed in as the first administrator, whose password the first start prints."""
    shown = re.search(r"password\W+(\S+)", guarded.said)
    assert shown, guarded.said
    with guarded.client() as client:
        body = {"username": "admin", "password": shown[1]}
        token = client.post("/auth/login", json=body).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def user(admin: httpx2.Client, name: str, role: str) -> str:
    body = {"username": name, "password": PASSWORD, "role": role}
    return str(admin.post("/users", json=body).raise_for_status().json()["id"])


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_signed_in_and_out(
    guarded: Service, admin: httpx2.Client, opened: Callable[..., Page], recording: Path
) -> None:
    """A wrong password is refused; the right one lets in and plays a call, holds over a reload, and ends on demand."""
    user(admin, "olga", "operator")
    call = register(admin)
    upload(admin, call["id"], recording)
    ended(admin, call["id"])
    page = opened(f"{guarded.url}/ui/calls/{call['id']}", refusals=True)
    sign_in(page, "olga", "wrong password")
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page, "olga")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_test_id("position")).to_contain_text("0:01")
    page.reload()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("button", name="olga").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_viewer_only_looks(guarded: Service, admin: httpx2.Client, opened: Callable[..., Page]) -> None:
    """Nothing is offered that would be refused: no upload, no choosing, no deleting, no access page."""
    user(admin, "vera", "viewer")
    call = register(admin, caller="look at me")
    page = opened(f"{guarded.url}/ui/", refusals=True)
    sign_in(page, "vera")
    expect(page.get_by_role("link", name="look at me")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    for name in ("Upload", "Access"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    page.get_by_role("link", name="look at me").click()
    expect(page.get_by_role("heading", name="look at me")).to_be_visible()
    expect(page.get_by_role("button", name="Actions")).to_have_count(0)
    assert admin.get(f"/calls/{call['id']}").status_code == 200
    page.goto(f"{guarded.url}/ui/access")
    expect(page.get_by_role("heading", name="This page is for other roles")).to_be_visible()
    expect(page.get_by_role("button", name="Add a user")).to_have_count(0)


def test_a_session_that_ends(guarded: Service, admin: httpx2.Client, opened: Callable[..., Page]) -> None:
    """When an administrator disables somebody, what they have open asks them to sign in again, and says why."""
    key = user(admin, "temp", "viewer")
    register(admin, caller="private")
    page = opened(f"{guarded.url}/ui/", refusals=True)
    sign_in(page, "temp")
    expect(page.get_by_role("link", name="private")).to_be_visible()
    admin.patch(f"/users/{key}", json={"enabled": False}).raise_for_status()
    with suppress(TookTooLong):  # the stream of events may have told the page before anything is asked
        page.get_by_label("Number or name").fill("private", timeout=2_000)
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.get_by_role("link", name="private")).to_have_count(0)


def test_an_administrator_gives_access(guarded: Service, admin: httpx2.Client, opened: Callable[..., Page]) -> None:
    """Users and keys are added in the page; a key is shown once, works, and stops working when it is removed."""
    user(admin, "boss", "admin")
    page = opened(f"{guarded.url}/ui/access", refusals=True, bypass_csp=True)
    sign_in(page, "boss")
    page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("User name").fill("new.colleague")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="new.colleague").first).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "access-users.png")
    assert barriers(page) == []

    page.get_by_role("tab", name="API keys").click()
    page.get_by_role("button", name="Add a key").click()
    dialog.get_by_label("What is it for?").fill("the exchange")
    dialog.get_by_role("button", name="Save").click()
    key = dialog.get_by_test_id("secret").inner_text()
    with guarded.client(headers={"Authorization": f"Bearer {key}"}) as machine:
        assert machine.get("/calls").status_code == 200
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Delete: the exchange").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No API keys yet")).to_be_visible()
        assert machine.get("/calls").status_code == 401
    page.get_by_role("tab", name="Audit trail").click()
    expect(page.get_by_role("cell", name="boss").first).to_be_visible()
    assert barriers(page) == []
