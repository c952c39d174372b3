"""A real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil

from calls_http.page import page_folder


class NoBrowser(Exception):
    """There is no browser, or nothing to show in it; the message says what to do."""


def chromium_program() -> str:
    """Return the path of the browser.

    Raises:
        NoBrowser: there is none, or the page is not built.
    """
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise NoBrowser("there is no Chromium: install Debian's package chromium, or name one in CHROMIUM")
    if not (page_folder() / "index.html").is_file():
        raise NoBrowser("the web page is not built: install the package (again)")
    return program
