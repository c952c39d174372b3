"""Takes the pictures of the documentation: ``python -m tests.browser.pictures``."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from playwright.sync_api import Page, sync_playwright

from calls_app.checks import sample_recording
from tests.e2e.conversation import ended, register, upload
from tests.servers.chromium import chromium_program
from tests.servers.fake_ai import FakeAiService
from tests.servers.service import Service

PICTURES: Final = Path(__file__).parents[2] / "docs" / "images"
WINDOW: Final = {"width": 1200, "height": 760}
PEOPLE: Final = [
    ("+7 495 123-45-67", "101", "Anna Petrova", "inbound", ["vip"]),
    ("205", "+7 812 765-43-21", "Ivan Sidorov", "outbound", []),
    ("+44 20 7946 0018", "support", "Olga Kim", "inbound", ["complaint", "billing"]),
    ("101", "205", "", "internal", []),
    ("+7 921 555-12-12", "sales", "Olga Kim", "inbound", ["new customer"]),
]
COUNT: Final = 18
NOT_AUDIO: Final = 4
"""Which of them is sent something that is no audio."""


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeAiService(Path(folder)) as ai,
        Service(Path(folder), AI_BASE_URL=ai.url) as service,
        sync_playwright() as playwright,
    ):
        with service.client() as client:
            last = _happened(client, Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, locale="en-GB", reduced_motion="reduce")
        _take(page, f"{service.url}/ui/", "tbody tr", "page-calls.png")
        _take(page, f"{service.url}/ui/calls/{last['id']}?at=6", "canvas", "page-call.png")
        browser.close()


def _happened(client: httpx2.Client, folder: Path) -> dict[str, Any]:
    """Let an afternoon's calls come in; return the latest."""
    text = folder / "notes.wav"
    text.write_text("this is no audio")
    calls = []
    for number in range(COUNT):
        caller, receiver, agent, direction, tags = PEOPLE[number % len(PEOPLE)]
        calls.append(
            register(
                client,
                caller=caller,
                receiver=receiver,
                agent=agent or None,
                direction=direction,
                tags=tags,
                started_at=(datetime.now(UTC) - timedelta(minutes=7 * number + 2)).isoformat(),
            )
        )
        if number < COUNT - 2:
            upload(client, calls[-1]["id"], text if number == NOT_AUDIO else sample_recording())
    for call in calls[:-2]:
        ended(client, call["id"])
    return calls[0]


def _take(page: Page, url: str, awaited: str, name: str) -> None:
    page.goto(url)
    page.locator(awaited).first.wait_for()
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)  # for the waveform to be drawn
    page.screenshot(path=PICTURES / name)


if __name__ == "__main__":
    main()
