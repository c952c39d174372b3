"""The plugin's own environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PREFIX: Final = "CALLS_WHISPER_"
_YES: Final = frozenset({"true", "1", "yes", "on"})
_NO: Final = frozenset({"false", "0", "no", "off", ""})
_MOST_THREADS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperSettings:
    """One field per variable, of the same name in capitals after ``CALLS_WHISPER_``.

    *model* is a name such as ``base`` or ``Systran/faster-whisper-small``, or a folder in CTranslate2's format.
    *language* is a code of Whisper's, such as ``ru``; None detects it for each call. *download* allows a model that
    is only named to be fetched from the Hugging Face Hub.
    """

    model: str = "base"
    language: str | None = None
    threads: int = 1
    download: bool = False


def read_settings(environ: Mapping[str, str]) -> WhisperSettings:
    """Return the settings in *environ*. An empty value means the default.

    Raises:
        ValueError: a variable is unknown or malformed; the message is one line that names it.
    """
    given = {name.removeprefix(_PREFIX): value.strip() for name, value in environ.items() if name.startswith(_PREFIX)}
    if unknown := given.keys() - {field.upper() for field in WhisperSettings.__dataclass_fields__}:
        known = ", ".join(_PREFIX + field.upper() for field in WhisperSettings.__dataclass_fields__)
        raise ValueError(f"{_PREFIX}{min(unknown)} is not a setting of calls-whisper; there are {known}")
    return WhisperSettings(
        model=given.get("MODEL") or "base",
        language=given.get("LANGUAGE", "").lower() or None,
        threads=_threads(given.get("THREADS") or "1"),
        download=_flag(given.get("DOWNLOAD", "").lower()),
    )


def _threads(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_THREADS:
        return int(text)
    raise ValueError(f"{_PREFIX}THREADS must be a number from 1 to {_MOST_THREADS}, not {text!r}")


def _flag(text: str) -> bool:
    if text in _YES | _NO:
        return text in _YES
    raise ValueError(f"{_PREFIX}DOWNLOAD must be true or false, not {text!r}")
