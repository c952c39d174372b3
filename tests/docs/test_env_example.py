import re

from calls_app.environment import load_settings
from calls_app.settings import NAMES, Settings
from tests.capabilities import ROOT

ASSIGNMENT = re.compile(r"^#([A-Z0-9_]+)=(.*)$", re.MULTILINE)


def test_the_example_shows_the_defaults() -> None:
    """Uncommenting every line of .env.example changes nothing."""
    shown = dict(ASSIGNMENT.findall((ROOT / ".env.example").read_text()))

    assert shown.keys() <= NAMES.keys()
    assert load_settings(shown) == Settings()
