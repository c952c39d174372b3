"""Places where a test may make the process die, hang or fail.

``CALLS_FAULT="api.blob_stored:kill:2"`` kills the process the second time it passes ``faultpoint("api.blob_stored")``.
Unset, as it always is in production, a fault point is one look at a dictionary.
"""

import logging
import os
import signal
import time

_log = logging.getLogger("calls.faultpoint")
_passes: dict[str, int] = {}


class InjectedFault(Exception):
    """Raised by an armed fault point; never seen in production."""


def faultpoint(name: str) -> None:
    """Do what ``CALLS_FAULT`` says about *name*: ``kill``, ``exit``, ``stop``, ``raise`` or ``hang`` (one second)."""
    armed = os.environ.get("CALLS_FAULT")
    if armed is None or not armed.startswith(f"{name}:"):
        return
    _, action, nth = armed.split(":")
    _passes[name] = _passes.get(name, 0) + 1
    if _passes[name] != int(nth):
        return
    _log.warning("fault point %s: %s", name, action)
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "exit":
            os._exit(70)
        case "hang":
            time.sleep(1)
        case _:
            raise InjectedFault(name)
