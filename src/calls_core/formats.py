"""Which files are taken, as far as their names tell."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from calls_core.errors import EmptyRecording, UnsupportedExtension

MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wav": "audio/wav",
        "mp3": "audio/mpeg",
        "ogg": "audio/ogg",
        "oga": "audio/ogg",
        "opus": "audio/ogg",
        "flac": "audio/flac",
        "m4a": "audio/mp4",
        "mp4": "audio/mp4",
        "aac": "audio/aac",
        "webm": "audio/webm",
        "amr": "audio/amr",
        "awb": "audio/amr-wb",
        "gsm": "audio/gsm",
        "wma": "audio/x-ms-wma",
        "ulaw": "audio/basic",
        "ul": "audio/basic",
        "alaw": "audio/x-alaw-basic",
        "al": "audio/x-alaw-basic",
    }
)
"""The accepted extensions. They decide only whether we try; the decoder decides what a file is."""

FILENAME_LIMIT: Final = 255


def clean_filename(name: str) -> str:
    """Return *name* as harmless text: no folders, no control or surrogate characters, at most 255 characters.

    The end is kept when it must be cut, because that is where the extension is.

    Raises:
        UnsupportedExtension: nothing is left of it.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(character for character in last if character.isprintable()).strip(" .")
    if not printable:
        msg = f"the file has no name; send one that ends in {_accepted()}"
        raise UnsupportedExtension(msg)
    return printable[-FILENAME_LIMIT:]


def media_type_of(filename: str) -> str:
    """Return the media type by the extension of a cleaned *filename*.

    Raises:
        UnsupportedExtension: the extension is not among the accepted ones.
    """
    stem, dot, extension = filename.rpartition(".")
    found = MEDIA_TYPES.get(extension.lower()) if stem and dot else None
    if found is None:
        msg = f"{filename!r} is not accepted; the name must end in {_accepted()}"
        raise UnsupportedExtension(msg)
    return found


def require_bytes(size_bytes: int, filename: str) -> None:
    """Refuse an empty file.

    Raises:
        EmptyRecording: there are no bytes.
    """
    if size_bytes == 0:
        msg = f"{filename!r} is empty; send the recording again"
        raise EmptyRecording(msg)


def _accepted() -> str:
    return ", ".join(f".{extension}" for extension in MEDIA_TYPES)
