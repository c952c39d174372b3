"""The secret that tokens are signed and passwords are keyed with, where nobody has named one."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

NAME: Final = "auth-secret"
BYTES: Final = 48


def kept_secret(folder: Path) -> bytes:
    """Return the secret in *folder*, made when it is first asked for; only our own user can read it.

    Any number of processes may ask at once: all get the same one.

    Raises:
        OSError: it can be neither read nor written.
    """
    path = folder / NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(prefix=f".{NAME}-", dir=folder)  # readable by its owner only
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_urlsafe(BYTES).encode())
                file.flush()
                os.fsync(file.fileno())
            # Whole or not there at all; whoever comes second keeps what the first one made.
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            Path(made).unlink()
    return path.read_bytes()
