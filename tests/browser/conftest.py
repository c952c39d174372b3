"""A real browser against the real service. What each test saw last is in ``screenshots/``."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from calls_app.checks import sample_recording
from tests.browser.seeing import SCREENSHOTS
from tests.servers.chromium import chromium_program
from tests.servers.fake_ai import FakeAiService
from tests.servers.service import Service

PATIENCE_MS = 15_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with the file: Playwright keeps an event loop running meanwhile, beside which no other can be started."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox", "--mute-audio"])


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The embedded service with its worker, and an AI service that makes words up."""
    folder = tmp_path_factory.mktemp("browser")
    with FakeAiService(folder) as ai, Service(folder, AI_BASE_URL=ai.url) as running:
        yield running


@pytest.fixture
def opened(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser of its own; at the end nothing may have gone wrong behind it.

    ``refusals`` admits what the browser says about answers of 4xx, and ``cuts`` about connections that were cut.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(url: str, *, refusals: bool = False, cuts: bool = False, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()

        def hear(message: ConsoleMessage) -> None:
            is_known = (refusals and re.search(r"status of 4\d\d", message.text)) or (
                cuts and "net::ERR" in message.text
            )
            if message.type in {"error", "warning"} and not is_known:
                complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for number, context in enumerate(contexts):
        name = re.sub(r"[^\w.-]+", "-", request.node.name)
        for page in context.pages:
            page.screenshot(path=SCREENSHOTS / f"{name}-{number}.png", full_page=True)
        context.close()
    assert complaints == []


@pytest.fixture
def page(service: Service, opened: Callable[..., Page]) -> Page:
    """The list of calls, as a desktop shows it."""
    return opened(f"{service.url}/")


@pytest.fixture(scope="session")
def recording() -> Path:
    """Twenty seconds of two people, one on each side, with silences."""
    return sample_recording()
