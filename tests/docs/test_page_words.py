"""What the page says in Russian about what plugins find."""

import re
from pathlib import Path

PAGE = Path("web/src")


def test_whatever_calls_conversation_finds_has_a_russian_name() -> None:
    """As its README lists it; the page reads the unit at the end of a name by itself."""
    units = re.findall(r"'(_\w+)'", re.findall(r"const UNITS = (.*)", (PAGE / "call/values.ts").read_text("utf-8"))[0])
    russian = (PAGE / "i18n/ru.ts").read_text("utf-8").partition("const found")[2]
    named = set(re.findall(r"^  (\w+): '", russian, re.MULTILINE))
    readme = Path("plugins/calls-conversation/README.md").read_text("utf-8").partition("## How it is measured")[0]
    rows = re.findall(r"^\| (`.*?) \| `", readme, re.MULTILINE)
    found = {value for row in rows for value in re.findall(r"`(\w+)`", row)}
    assert len(found) > 25
    bare = {next((value.removesuffix(unit) for unit in units if value.endswith(unit)), value) for value in found}
    assert bare <= named
