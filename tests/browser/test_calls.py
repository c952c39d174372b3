"""The list: found, narrowed down, walked through, exported, worked on in bulk."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conversation import ended, register, upload
from tests.servers.service import Service

pytestmark = pytest.mark.requires("browser")

ROWS = "tbody tr"
FIRST, LAST = "+7 495 000-00-00", "+7 495 000-00-59"


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client


@pytest.fixture(scope="module")
def calls(client: httpx2.Client) -> list[dict[str, Any]]:
    """Sixty calls, one a minute, every other one to the same extension."""
    return [
        register(
            client,
            caller=f"+7 495 000-00-{number:02}",
            receiver="sales" if number % 2 else "support",
            started_at=f"2026-02-01T10:{number:02}:00Z",
            agent="Anna" if number % 3 else "Ivan",
        )
        for number in range(60)
    ]


def wanted(page: Page, text: str) -> None:
    page.get_by_label("Number or name").fill(text)


def test_found_by_number_at_once(page: Page, calls: list[dict[str, Any]]) -> None:
    """What is typed narrows the list without a button, however the number is written; the address keeps it."""
    wanted(page, "74950000007")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("+7 495 000-00-07")
    page.wait_for_url("**/?query=74950000007")
    page.reload()
    expect(page.locator(ROWS)).to_have_count(1)
    wanted(page, "no such caller")
    expect(page.get_by_text("No call fits these filters")).to_be_visible()


def test_found_by_words(page: Page, client: httpx2.Client, recording: Path) -> None:
    """A word of the transcript finds the call; where it was said is shown, marked, and opens the call there."""
    call = register(client, caller="spoken")
    upload(client, call["id"], recording)
    assert ended(client, call["id"])["status"] == "ready"
    word = client.get(f"/calls/{call['id']}/transcript").json()["segments"][-1]["text"].split()[-1]
    wanted(page, "spoken")
    page.get_by_label("Words in the transcript").fill(word)
    expect(page.locator(ROWS)).to_have_count(1)
    place = page.locator(ROWS).get_by_role("listitem").last.get_by_role("link")
    expect(place.locator("mark").first).to_have_text(word)
    moment = place.locator("span").first.inner_text()
    assert moment != "0:00"
    place.click()
    expect(page.get_by_test_id("position")).to_contain_text(f"{moment} /")
    expect(page.locator("[aria-current=true]")).to_contain_text(word)
    page.go_back()
    page.get_by_label("Words in the transcript").fill("unheardof")
    expect(page.get_by_text("No call fits these filters")).to_be_visible()


def test_narrowed_down(page: Page, calls: list[dict[str, Any]]) -> None:
    """Filters add up, are counted, and go away together."""
    wanted(page, "support")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Agent").fill("Ivan")
    page.get_by_label("From", exact=True).fill("2026-02-01")
    page.get_by_label("Until").fill("2026-02-01")
    expect(page.locator(ROWS)).to_have_count(10)
    expect(page.get_by_role("status").first).to_have_text("10 calls")
    page.get_by_label("Until").fill("2026-01-31")
    expect(page.get_by_text("No call fits these filters")).to_be_visible()
    page.get_by_role("button", name="Clear filters").first.click()
    expect(page.get_by_label("Agent")).to_have_value("")


def test_walked_page_by_page(page: Page, calls: list[dict[str, Any]]) -> None:
    """Older and newer pages follow each other without a gap."""
    wanted(page, "7495000")
    expect(page.get_by_role("status").first).to_have_text("60 calls")
    expect(page.locator(ROWS)).to_have_count(50)
    expect(page.locator(ROWS).first).to_contain_text(LAST)
    page.get_by_role("button", name="Older").click()
    expect(page.locator(ROWS)).to_have_count(10)
    expect(page.locator(ROWS).last).to_contain_text(FIRST)
    page.get_by_role("button", name="Newer").click()
    expect(page.locator(ROWS).first).to_contain_text(LAST)


def test_a_new_call_appears(page: Page, client: httpx2.Client) -> None:
    """The list is live: what is registered elsewhere comes by itself."""
    wanted(page, "appears")
    expect(page.get_by_text("No call fits these filters")).to_be_visible()
    register(client, caller="appears")
    expect(page.locator(ROWS)).to_have_count(1)


def test_exported_as_filtered(page: Page, calls: list[dict[str, Any]]) -> None:
    """The export holds the calls of the filters, all of them and no others."""
    wanted(page, "support")
    expect(page.get_by_role("status").first).to_have_text("30 calls")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="JSON lines").click()
    lines = Path(saved.value.path()).read_text().splitlines()
    assert saved.value.suggested_filename == "calls.jsonl"
    assert {json.loads(line)["id"] for line in lines} == {call["id"] for call in calls[::2]}


def test_chosen_calls_as_an_archive(page: Page, client: httpx2.Client, recording: Path) -> None:
    """What is chosen is ordered as one archive, which is fetched when it is made, and removed."""
    wanted(page, "archived")
    ids = [register(client, caller="archived", receiver=name)["id"] for name in ("heard", "unheard", "left out")]
    upload(client, ids[0], recording)
    ended(client, ids[0])
    expect(page.locator(ROWS)).to_have_count(3)
    for name in ("heard", "unheard"):
        page.locator(ROWS).filter(has=page.get_by_text(name, exact=True)).get_by_role("checkbox").check()
    page.get_by_role("button", name="ZIP").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("2 calls")).to_be_visible()
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        names = archive.namelist()
    assert any(name.endswith(".wav") for name in names), names
    dialog.get_by_role("button", name="Remove the archive").click()
    expect(dialog.get_by_text("No archives yet")).to_be_visible()


def test_deleted_in_bulk(page: Page, client: httpx2.Client) -> None:
    """What is chosen is deleted after a question that can be answered with no; the rest stays."""
    kept = [register(client, caller="bulk", receiver=str(number))["id"] for number in range(3)]
    wanted(page, "bulk")
    expect(page.locator(ROWS)).to_have_count(3)
    for row in (0, 1):
        page.locator(ROWS).nth(row).get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(ROWS)).to_have_count(3)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator(ROWS)).to_have_count(1)
    assert sorted(client.get(f"/calls/{call}").status_code for call in kept) == [200, 404, 404]


def test_walked_by_keys(page: Page, calls: list[dict[str, Any]]) -> None:
    """Search, walk, choose and open without a mouse, on a Russian keyboard as well."""
    page.keyboard.press("/")
    page.keyboard.type("7495000")
    expect(page.get_by_role("status").first).to_have_text("60 calls")
    expect(page.locator(ROWS).first).to_contain_text(LAST)
    page.keyboard.press("Escape")
    page.locator("body").dispatch_event("keydown", {"key": "о", "code": "KeyJ"})
    for key in "jkjx":
        page.keyboard.press(key)
    expect(page.get_by_text("one selected")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="+7 495 000-00-58")).to_be_visible()


def test_a_call_on_hold(page: Page, client: httpx2.Client) -> None:
    """Calls are put on hold in bulk with a reason that is shown; deleting them is not offered until it is lifted."""
    for receiver in ("one", "other"):
        register(client, caller="held", receiver=receiver)
    wanted(page, "held")
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Hold").click()
    page.get_by_role("dialog").get_by_label("Why?").fill("Case 4711")
    page.get_by_role("dialog").get_by_role("button", name="Hold").click()
    expect(page.get_by_text("2 calls are on hold").first).to_be_visible()
    page.get_by_role("link", name="other").click()
    expect(page.get_by_text("Case 4711")).to_be_visible()
    page.get_by_role("button", name="Actions").click()
    expect(page.get_by_role("menuitem", name="Delete the call")).to_have_count(0)
    page.get_by_role("menuitem", name="Lift the legal hold").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Lift the legal hold").click()
    expect(page.get_by_text("Case 4711")).to_have_count(0)
    page.get_by_role("button", name="Actions").click()
    expect(page.get_by_role("menuitem", name="Delete the call")).to_be_visible()
