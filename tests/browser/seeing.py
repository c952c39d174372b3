"""What is done in a page again and again."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCREENSHOTS: Final = Path(__file__).with_name("screenshots")
RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

_DROP: Final = """files => {
    const carried = new DataTransfer()
    for (const [name, content] of files) {
        const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0))
        carried.items.add(new File([bytes], name, { lastModified: 1770000000000 }))
    }
    return carried
}"""

_WATCH: Final = """() => {
    window.moved = 0
    const add = shifts => { for (const one of shifts.getEntries()) if (!one.hadRecentInput) window.moved += one.value }
    new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true })
}"""
_AFTER_TWO_FRAMES: Final = "() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))"


def drop(page: Page, files: Sequence[tuple[str, bytes]]) -> None:
    """Drag *files* onto the page and let them go."""
    carried = page.evaluate_handle(_DROP, [[name, base64.b64encode(content).decode()] for name, content in files])
    for event in ("dragover", "drop"):
        page.locator("main").dispatch_event(event, {"dataTransfer": carried})


def watch_layout(page: Page) -> None:
    """From the next page on, note what moves: ``moved`` tells how much."""
    page.add_init_script(f"({_WATCH})()")


def moved(page: Page) -> float:
    """Return the cumulative layout shift, without a unit: the part of the window that moved, times how far.

    https://web.dev/articles/cls calls up to 0.1 good. What somebody asked for a moment before does not count.
    """
    page.evaluate(_AFTER_TWO_FRAMES)
    return float(page.evaluate("window.moved"))


def barriers(page: Page) -> list[str]:
    """Return what axe finds that would keep somebody out, and what is wider than the window.

    The page must be opened with ``bypass_csp``: axe puts style sheets in.
    """
    found = Axe().run(page, options=RULES).response["violations"]
    told = [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
    excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*told, *([f"{excess} px too wide"] if excess > 0 else [])]
