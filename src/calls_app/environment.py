"""Reading the settings, from the environment and ``.env``, once, at the edge of the process."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from dotenv import dotenv_values

from calls_app.settings import NAMES, SECRETS, Settings, SettingsError
from calls_app.settings_checks import refuse_what_cannot_work

ENV_FILE: Final = Path(".env")

PLUGINS: Final = "CALLS_"
"""Beginning of the names that plugins read for themselves, such as ``CALLS_WHISPER_MODEL``."""

OTHERS: Final = ("OTEL_", PLUGINS)
"""Beginnings of names that belong to others, however much they look like ours."""


def read_environment(environ: Mapping[str, str], env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return our variables from *environ* and *env_file*; the environment wins.

    Raises:
        SettingsError: *env_file* holds a name we do not know, or *environ* one that is nearly ours.
    """
    from_file = {name: value or "" for name, value in dotenv_values(env_file, interpolate=False).items()}
    ours = {name.upper(): value for name, value in from_file.items() if not name.startswith(PLUGINS)}
    for name in ours:
        if name not in NAMES:
            raise SettingsError(f"{name} in {env_file} is not a setting of Calls{_suggestion(name, 0.6)}")
    for name in environ:
        if name not in NAMES and not name.startswith(OTHERS) and (hint := _suggestion(name, 0.88, same_start=True)):
            raise SettingsError(f"{name} is not a setting of Calls{hint}")
    return ours | {name: environ[name] for name in NAMES if name in environ}


def plugin_variables(env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return what *env_file* says to plugins, which read the environment by themselves."""
    from_file = dotenv_values(env_file, interpolate=False)
    return {name: value or "" for name, value in from_file.items() if name.startswith(PLUGINS)}


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Build settings from *variables*, by their names in capitals. An empty value means the default.

    Raises:
        SettingsError: a variable is unknown or malformed.
    """
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        name = field.name.upper()
        text = variables.get(name, "").strip()
        if not text:
            continue
        try:
            values[field.name] = msgspec.convert(text, field.type, strict=False, dec_hook=lambda kind, raw: kind(raw))
        except msgspec.ValidationError as error:
            shown = "" if field.name in SECRETS else f", not {text!r}"
            raise SettingsError(f"{name}: {str(error).rstrip('.')}{shown}") from None
    if unknown := set(variables) - set(NAMES):
        name = min(unknown)
        raise SettingsError(f"{name} is not a setting of Calls{_suggestion(name, 0.6)}")
    settings = Settings(**values)
    refuse_what_cannot_work(settings)
    return settings


def _suggestion(name: str, cutoff: float, *, same_start: bool = False) -> str:
    start = name.upper().partition("_")[0]
    known = [ours for ours in NAMES if not same_start or ours.partition("_")[0] == start]
    close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=cutoff)
    return f"; did you mean {close[0]}?" if close else ""
