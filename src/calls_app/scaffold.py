"""Makes the folder of a new plugin from ``plugin_template``."""

import keyword
import re
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final, Self

from calls_core.errors import InvalidInput

NAME_LIMIT: Final = 64
PREFIX: Final = "calls-"
SUFFIX: Final = ".in"

# https://packaging.python.org/en/latest/specifications/name-normalization/
_DISTRIBUTION: Final = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.ASCII | re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class PluginName:
    """The name of a distribution, and what follows from it: ``calls-level`` holds the analyzer ``level``."""

    distribution: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the normalized name.

        Raises:
            InvalidInput: it is no name for a distribution, or for a module, or is taken.
        """
        if not _DISTRIBUTION.fullmatch(text) or len(text) > NAME_LIMIT:
            msg = (
                f"{text!r} is no name for a plugin: use up to {NAME_LIMIT} letters, digits and hyphens, as calls-level"
            )
            raise InvalidInput(msg)
        name = cls(_SEPARATORS.sub("-", text).lower())
        if not name.module.isidentifier() or keyword.iskeyword(name.module):
            raise InvalidInput(
                f"{name.module!r} cannot be imported; begin with a letter, as in {PREFIX}{name.analyzer}"
            )
        spec = find_spec(name.module)
        if spec is not None and spec.origin is not None:
            raise InvalidInput(f"there is a module {name.module!r} already; choose another name or uninstall it")
        if name.analyzer in {entry.name for entry in entry_points(group="calls")}:
            raise InvalidInput(f"there is an analyzer {name.analyzer!r} already; `calls plugins` lists all")
        return name

    @property
    def module(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def analyzer(self) -> str:
        return self.distribution.removeprefix(PREFIX)


def write_plugin(name: PluginName, parent: Path) -> Path:
    """Make the folder of the plugin in *parent*, and return it.

    Raises:
        InvalidInput: it exists already, or cannot be written.
    """
    folder = parent / name.distribution
    words = {
        "distribution": name.distribution,
        "module": name.module,
        "analyzer": name.analyzer,
        "calls_version": version("calls-service"),
    }
    try:
        folder.mkdir()
        _render(files("calls_app") / "plugin_template", folder, words)
    except FileExistsError:
        raise InvalidInput(f"{folder} exists already; choose another name, or another --folder") from None
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}") from None
    return folder


def _render(template: Traversable, folder: Path, words: dict[str, str]) -> None:
    for entry in template.iterdir():
        if entry.is_dir():
            below = folder / (words["module"] if entry.name == "module" else entry.name)
            below.mkdir()
            _render(entry, below, words)
        else:
            text = Template(entry.read_text("utf-8")).substitute(words)
            (folder / entry.name.removesuffix(SUFFIX)).write_text(text, "utf-8")
