"""Every page, on a desk and on a phone, by day and by night, in both languages: nothing keeps anybody out."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from calls_http.page import page_folder
from tests.browser.seeing import SCREENSHOTS, barriers, moved, watch_layout
from tests.e2e.conversation import ended, register, upload
from tests.servers.service import Service

pytestmark = pytest.mark.requires("browser")

FIRST_PAGE_LIMIT = 350_000
STILL = 0.05
SAID_OF_IT, TWO_LINES_PX = "paid in full", 44
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
WAYS = {
    "desk-light-en": {"viewport": DESK, "color_scheme": "light", "locale": "en-GB"},
    "phone-dark-ru": {"viewport": PHONE, "color_scheme": "dark", "locale": "ru-RU", "has_touch": True},
}


@pytest.fixture(scope="module")
def call_id(service: Service, recording: Path) -> str:
    with service.client() as client:
        call = register(client, tags=["vip"], agent="Anna", metadata={"n" * 80: SAID_OF_IT})
        upload(client, call["id"], recording)
        return str(ended(client, call["id"])["id"])


@pytest.mark.parametrize("way", WAYS)
def test_no_barriers(service: Service, opened: Callable[..., Page], call_id: str, way: str) -> None:
    """Axe finds nothing by WCAG 2.2 AA, nothing is wider than the window, and nothing moves while a page loads."""
    page = opened(f"{service.url}/ui/", bypass_csp=True, **WAYS[way])
    watch_layout(page)
    found = {}
    for name in ("", f"calls/{call_id}", "upload", "dashboard", "deliveries", "health", "nowhere"):
        page.goto(f"{service.url}/ui/{name}")
        expect(page.locator("main h1, main p").first).to_be_visible()
        if name.startswith("calls/"):
            expect(page.locator("canvas").first).to_be_visible()
            beside_a_long_name = page.get_by_text(SAID_OF_IT).bounding_box()
            assert beside_a_long_name is not None
            assert beside_a_long_name["height"] < TWO_LINES_PX
        page.screenshot(path=SCREENSHOTS / f"{name.partition('/')[0] or 'list'}-{way}.png", full_page=True)
        shift = moved(page)
        found[name] = [*barriers(page), *([f"moved by {shift}"] if shift > STILL else [])]
    assert found == {name: [] for name in found}


def test_the_list_stays_where_it_is(service: Service, opened: Callable[..., Page], call_id: str) -> None:
    """Nothing moves when it turns out that the calls are very many and, after they are there, who asks."""
    page = opened(f"{service.url}/ui/nowhere", **WAYS["phone-dark-ru"])
    watch_layout(page)
    waiting: list[Route] = []

    def wait(route: Route) -> None:
        waiting.append(route)

    def many(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        row = found["items"][0] | {"caller": "+7 900 123-45-67", "agent": "Anna", "tags": ["vip"]}
        items = [row | {"id": f"{call_id[:-2]}{number:02}"} for number in range(50)]
        route.fulfill(response=answer, json=found | {"items": items, "total": 10_000, "total_capped": True})

    page.route("**/auth/me", wait)
    page.route("**/calls?*", many)
    page.goto(f"{service.url}/ui/")
    expect(page.locator("tbody tr")).to_have_count(50)
    for route in waiting:
        route.continue_()
    expect(page.locator("nav a:visible", has_text="Загрузка")).to_be_visible()
    assert moved(page) < STILL
    page.unroute_all(behavior="ignoreErrors")


def test_no_barriers_in_what_opens(service: Service, opened: Callable[..., Page], call_id: str) -> None:
    """Nor in menus, filters and dialogs while they are open."""
    page = opened(f"{service.url}/ui/", bypass_csp=True)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("button", name="Export").click()
    found = {"export": barriers(page)}
    page.get_by_role("menuitem", name="Archives").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["archives"] = barriers(page)
    page.goto(f"{service.url}/ui/calls/{call_id}")
    page.get_by_role("button", name="Actions").click()
    found["actions"] = barriers(page)
    page.get_by_role("menuitem", name="Delete the call").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    found["question"] = barriers(page)
    # A menu is at the end of the page, in no landmark; the focus is in it, so nobody has to look for it.
    found = {name: [one for one in told if not one.startswith("region:")] for name, told in found.items()}
    assert found == {name: [] for name in found}


def test_the_person_chooses(page: Page) -> None:
    """Language and theme are switched in the page, and kept."""
    page.get_by_role("button", name="Показать по-русски").click()
    page.get_by_role("button", name="Светлая или тёмная тема").click()
    page.reload()
    expect(page.get_by_role("heading", name="Звонки")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).to_have_attribute("lang", "ru")


def test_the_first_page_is_small() -> None:
    """What a browser must load before it shows the list, packed, stays below 350 kB."""
    folder = page_folder()
    index = (folder / "index.html").read_text()
    named = re.findall(r'(?:src|href)="/ui/(assets/[^"]+)"', index)
    sizes = {name: (folder / f"{name}.gz").stat().st_size for name in named}
    assert 0 < sum(sizes.values()) < FIRST_PAGE_LIMIT, json.dumps(sizes)
