"""When Python looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Do not look for garbage while the block makes what stays for as long as the process: modules, wiring, routes.

    Looking through all of it again and again took a fifth of the start. Afterwards it is left out of every search, each
    of which would otherwise hold up requests for a tenth of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
