"""What the decoder process gives up before it looks at a stranger's bytes."""

import os
import resource
import sys
from typing import Final

OPEN_FILES: Final = 32

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000


def confine(*, memory_bytes: int, cpu_sec: int) -> None:
    """Limit this process for good. Call it before any other thread is started, and so before numpy is imported."""
    limits = {
        resource.RLIMIT_CPU: cpu_sec,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: 0,
        # A core dump would hold a customer's call.
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform != "darwin":  # macOS refuses this one
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        # SIGXCPU, which tells why, comes at the soft limit; SIGKILL, which does not, at the hard one.
        grace = 1 if kind == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else 0
        resource.setrlimit(kind, (value, value + grace))
    leave_network()


def leave_network() -> bool:
    """Move into an empty network namespace; false where the kernel or a container does not let us.

    Root needs no user namespace for it and would lose its rights over the files of others in one.
    """
    return sys.platform == "linux" and any(_unshare(flags) for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def _unshare(flags: int) -> bool:
    if sys.version_info >= (3, 12):
        try:
            os.unshare(flags)
        except OSError:
            return False
        return True
    import ctypes  # noqa: PLC0415 (only this version needs it, and it takes a while to load)

    return bool(ctypes.CDLL(None).unshare(flags) == 0)
