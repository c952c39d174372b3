"""Destinations and what goes to them."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.seeing import SCREENSHOTS, barriers
from tests.e2e.conversation import register
from tests.servers.service import Service

pytestmark = pytest.mark.requires("browser")


def test_sent_by_hand(service: Service, opened: Callable[..., Page]) -> None:
    """A destination is added, its secret shown once; what is held for it is released by agent, tried, and its attempts
    are told with their reasons; then it is removed."""
    page = opened(f"{service.url}/ui/deliveries", bypass_csp=True)
    page.get_by_role("button", name="Add a destination").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Address").fill("http://127.0.0.1:9/calls")
    dialog.get_by_label("When").select_option("by_hand")
    dialog.get_by_label("call.created").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_test_id("secret")).to_have_text(re.compile("^whsec_"))
    page.keyboard.press("Escape")
    expect(page.get_by_text("http://127.0.0.1:9/calls")).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "destinations.png")
    assert barriers(page) == []

    with service.client() as client:
        register(client, caller="for Olga", agent="Olga")
        register(client, caller="for nobody")
    page.get_by_role("tab", name="Deliveries").click()
    expect(page.get_by_role("listitem").filter(has_text="Held")).to_have_count(2)
    page.get_by_role("button", name="Send held ones").click()
    dialog.get_by_label("Agent").fill("Olga")
    dialog.get_by_role("button", name="Send").click()
    expect(page.get_by_text("One delivery was queued").first).to_be_visible()
    sent = page.get_by_role("listitem").filter(has_text="Waiting").filter(has_text="next try")
    expect(sent).to_have_count(1)
    sent.get_by_role("button").first.click()
    expect(sent.get_by_text("no answer")).to_be_visible(timeout=60_000)
    page.screenshot(path=SCREENSHOTS / "deliveries.png")
    assert barriers(page) == []

    page.get_by_role("tab", name="Destinations").click()
    page.get_by_role("button", name="Actions: http://127.0.0.1:9/calls").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No destinations yet")).to_be_visible()


def test_a_form(service: Service, opened: Callable[..., Page]) -> None:
    """A form's fields and its rule for what is accepted reach the API as they were written, and can be changed."""
    page = opened(f"{service.url}/ui/deliveries", refusals=True, bypass_csp=True)
    page.get_by_role("button", name="Add a destination").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Kind").select_option("form")
    dialog.get_by_label("Address").fill("https://crm.example.com/upload")
    dialog.get_by_role("button", name="Remove field 2").click()
    dialog.get_by_role("button", name="Add a field").click()
    dialog.get_by_label("Name of field 2").fill("seconds")
    dialog.get_by_label("Content of field 2").fill("{recording.nothing}")
    dialog.get_by_label("Accepted if the status is").fill("200, 202")
    dialog.get_by_label("and the answer holds").fill("ok$")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("{recording.nothing}")
    assert barriers(page) == []
    dialog.get_by_label("Content of field 2").fill("{recording.duration_sec}")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("https://crm.example.com/upload")).to_be_visible()

    page.get_by_role("button", name="Actions: https://crm.example.com/upload").click()
    expect(page.get_by_role("menuitem", name="New secret")).to_have_count(0)
    page.get_by_role("menuitem", name="Change").click()
    dialog.get_by_label("Name of the part with the audio").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    with service.client() as client:
        (made,) = client.get("/webhooks").json()["items"]
        client.delete(f"/webhooks/{made['id']}")
    assert (made["kind"], made["event_types"]) == ("form", ["call.ready"])
    assert made["form"] == {
        "fields": {"caller": "{call.caller}", "seconds": "{recording.duration_sec}"},
        "file": None,
        "statuses": [200, 202],
        "pattern": "ok$",
    }
