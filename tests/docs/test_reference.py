"""The reference names everything there is, and nothing that is not."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from calls_app.cli import commands
from calls_app.settings import NAMES
from calls_core import errors, hookspecs
from calls_http import problems

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


def error_classes(cls: type[errors.CallsError] = errors.CallsError) -> list[type[errors.CallsError]]:
    ours = [sub for sub in cls.__subclasses__() if sub.__module__.startswith(errors.__name__)]
    return [cls, *(below for sub in ours for below in error_classes(sub))]


def test_every_setting_is_documented() -> None:
    """Each variable stands in a table, and the tables invent none."""
    rows = re.findall(r"^\| (.+?) \|", page("settings.md"), re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    assert documented == set(NAMES)


def test_every_error_is_documented() -> None:
    """Each code has its row with the same meaning that clients read as the title."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", page("errors.md"), re.MULTILINE))
    assert rows == {cls.code: inspect.getdoc(cls) for cls in error_classes()}


def test_every_code_of_http_is_documented() -> None:
    """So has each thing that HTTP refuses by itself."""
    documented = set(re.findall(r"^\| `([a-z-]+)` \| 4\d\d \|", page("errors.md"), re.MULTILINE))
    refusals = {cls.code for cls in _refusals(problems.HttpRefusal)}
    assert refusals | set(problems.FRAMEWORK_CODES.values()) <= documented


def _refusals(cls: type[problems.HttpRefusal]) -> list[type[problems.HttpRefusal]]:
    return [cls, *(below for sub in cls.__subclasses__() for below in _refusals(sub))]


def test_every_hook_is_documented() -> None:
    """Each hook has a heading with its arguments."""
    hooks = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "calls_spec")}
    assert hooks
    for name, hook in hooks.items():
        assert f"## {name}({', '.join(inspect.signature(hook).parameters)})" in page("hooks.md")


def test_every_command_is_documented() -> None:
    """Each command has its row."""
    documented = re.findall(r"^\| `calls ([a-z-]+(?: [a-z]+)?)", page("cli.md"), re.MULTILINE)
    assert set(documented) == {" ".join(words) for words in _commands(get_command(commands()))}


def _commands(command: object, *words: str) -> Iterator[tuple[str, ...]]:
    if words:
        yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, *words, name)


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: str(path.relative_to(DOCS)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a page names a file that is there."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []
