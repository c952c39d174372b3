"""File names in ``Content-Disposition`` (RFC 6266)."""

from contextlib import suppress
from email.message import Message
from typing import Final
from urllib.parse import quote

_ATTR_CHAR: Final = "!#$&+-.^_`|~"


def attachment(filename: str) -> str:
    """Return a field value that offers to save the answer as *filename*.

    Old readers get the ASCII of it, with an underscore for all that is not a plain character.
    """
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename)
    if plain == filename:
        return f'attachment; filename="{plain}"'
    encoded = quote(filename, safe=_ATTR_CHAR, errors="replace")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def filename_in(disposition: str) -> str | None:
    """Return the file name in a field value that a client sent, or None."""
    with suppress(UnicodeError):  # then it is Latin-1 after all, as the older RFCs have it
        disposition = disposition.encode("latin-1").decode()
    message = Message()
    message["Content-Disposition"] = disposition
    return message.get_filename()
