"""How the contract judges: without asserts, which pytest would not rewrite here."""

import asyncio
import math
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from calls_core.findings import Finding

_PULSE_SEC = 0.001


def require(ok: bool, otherwise: str) -> None:  # noqa: FBT001 (it reads as an assertion)
    """Raises:
    AssertionError: it is not ok; the message says what to mend.
    """
    if not ok:
        raise AssertionError(otherwise)


def alike(one: object, other: object, tolerance: float) -> bool:
    """Tell whether two findings, or parts of them, say the same; numbers may differ by *tolerance*."""
    match _plain(one), _plain(other):
        case Mapping() as first, Mapping() as second:
            return first.keys() == second.keys() and all(alike(first[key], second[key], tolerance) for key in first)
        case (list() | tuple()) as first, (list() | tuple()) as second:
            pairs = zip(first, second, strict=False)
            return len(first) == len(second) and all(alike(a, b, tolerance) for a, b in pairs)
        case (int() | float()) as first, (int() | float()) as second:
            return math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance)
        case first, second:
            return bool(first == second)


def _plain(value: Any) -> Any:  # noqa: ANN401 (any part of a finding)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


async def longest_hold(work: Coroutine[Any, Any, Finding]) -> float:
    """Return for how many seconds at most the event loop ran nothing else while *work* was done."""
    loop = asyncio.get_running_loop()
    longest = 0.0
    last = loop.time()

    def beat() -> None:
        nonlocal longest, last
        longest, last = max(longest, loop.time() - last), loop.time()

    async def pulse() -> None:
        while True:
            await asyncio.sleep(_PULSE_SEC)
            beat()

    beating = asyncio.ensure_future(pulse())
    await asyncio.sleep(_PULSE_SEC)
    last = loop.time()
    try:
        await work
    finally:
        beat()
        beating.cancel()
    return longest
