"""A newcomer's first minutes: a recording is dropped, becomes ready, is heard and read."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.seeing import drop
from tests.e2e.conversation import register
from tests.servers.proxy import Proxy, Weather
from tests.servers.service import Service

pytestmark = pytest.mark.requires("browser")


def test_a_dropped_recording_is_heard(page: Page, recording: Path) -> None:
    """Dropped on any page, sent, ready without a reload; played with a position that moves; read, and heard
    from where it says."""
    expect(page.get_by_role("heading", name="Calls")).to_be_visible()
    drop(page, [("79001112233-205-20261120-101500.wav", recording.read_bytes())])
    expect(page.get_by_label("Caller")).to_have_value("79001112233")
    expect(page.get_by_label("Receiver")).to_have_value("205")
    expect(page.get_by_label("Started")).to_have_value(re.compile("2026-11-20T10:15"))
    page.get_by_role("button", name="Upload one").click()
    expect(page.get_by_role("listitem").get_by_text("Ready")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Open the call").click()

    expect(page.get_by_role("heading", name="79001112233")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_test_id("position")).to_contain_text("0:01")
    page.get_by_role("button", name="Pause").click()

    lines = page.get_by_role("list", name="Transcript").get_by_role("button")
    wanted = lines.nth(lines.count() - 1)
    wanted.click()
    expect(wanted).to_have_attribute("aria-current", "true")
    started = wanted.get_attribute("title") or ""
    moment = int(re.findall(r"0:(\d\d)", started)[0])
    position = page.locator("audio").evaluate("audio => audio.currentTime")
    assert moment <= position < moment + 2
    expect(page.locator("canvas").first).to_be_visible()


def test_what_is_refused_is_told(service: Service, opened: Callable[..., Page]) -> None:
    """A file that holds no audio ends as failed, with the reason; one with a wrong name is refused with what to do."""
    page = opened(f"{service.url}/ui/upload", refusals=True)
    for _ in range(2):  # what is dropped twice is sent once
        drop(page, [("111-222.wav", b"this is no audio at all"), ("333-444.exe", b"MZ")])
    expect(page.get_by_text("2 files were on the list already").first).to_be_visible()
    page.get_by_role("button", name="Upload 2").click()
    expect(page.get_by_text("Failed")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("not audio")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="exe")).to_be_visible()


def test_a_recording_comes_later(service: Service, opened: Callable[..., Page], recording: Path) -> None:
    """A call that was registered without a recording asks for it; the page goes on when it has come."""
    with service.client() as client:
        call = register(client)
    page = opened(f"{service.url}/ui/calls/{call['id']}", refusals=True)
    page.get_by_label("Upload its recording").set_input_files(recording)
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=20_000)


def test_a_service_that_is_gone_is_told_of(service: Service, opened: Callable[..., Page]) -> None:
    """Whoever looks at what may be old is told so, until the service answers again."""
    page = opened(f"{service.url}/ui/", cuts=True)
    page.route("**/events/stream", lambda route: route.abort())
    page.reload()
    told = page.get_by_text("What you see may be out of date")
    expect(told).to_be_visible(timeout=20_000)
    page.unroute("**/events/stream")
    expect(told).to_have_count(0, timeout=20_000)


def test_a_cut_upload_goes_on(service: Service, opened: Callable[..., Page], recording: Path) -> None:
    """When the line is cut in the middle, what has arrived is not sent again: the same upload goes on behind it."""
    with Proxy(service.port) as proxy:
        page = opened(f"http://127.0.0.1:{proxy.port}/ui/upload", cuts=True, refusals=True)
        sent: list[tuple[str, int]] = []

        def note(request: Request) -> None:
            if "/uploads" in request.url:
                sent.append((request.method, int(request.headers.get("upload-offset", 0))))

        page.on("request", note)
        drop(page, [("111-222.wav", recording.read_bytes())])
        # Slowly, for a reset drops what the service has not read yet.
        proxy.change(Weather(up=200_000, slow=400_000, once=True))
        page.get_by_role("button", name="Upload one").click()
        expect(page.get_by_role("listitem").get_by_text("Ready")).to_be_visible(timeout=60_000)
        page.context.close()
    assert proxy.resets == 1
    assert [method for method, _ in sent].count("POST") == 1
    method, offset = sent[-1]
    assert method == "PATCH"
    assert 0 < offset < recording.stat().st_size
