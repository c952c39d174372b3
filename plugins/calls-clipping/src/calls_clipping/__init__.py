"""How much of a recording is clipped, per channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from calls_core.findings import Facts
from calls_core.hookspecs import hookimpl
from calls_core.ports import Analyzer, Audio

CLIPPED: Final = 32_000
"""Below the ends of u-law (32,124) and A-law (32,256), which companded telephone audio never passes."""


@dataclass(frozen=True, slots=True)
class ClippingAnalyzer:
    """Counts the samples whose magnitude is at least *level*, out of 32,768."""

    level: int = CLIPPED
    name: str = "clipping"
    version: str = "1"
    after: Sequence[str] = ()

    async def analyze(self, audio: Audio) -> Facts:
        """Return ``clipped_share`` (0 to 1) and ``clipped_sec``, one number per channel."""
        async with audio.decoded() as samples:
            clipped = [0] * samples.channels
            total = 0
            async for block in samples:
                total += len(block[0]) // 2
                for channel, data in enumerate(block):
                    # Widened first: the magnitude of -32,768 does not fit into 16 bits.
                    magnitude = np.abs(np.frombuffer(data, np.int16).astype(np.int32))
                    clipped[channel] += int(np.count_nonzero(magnitude >= self.level))
        return Facts(
            values={
                "clipped_share": [round(count / total, 6) if total else 0.0 for count in clipped],
                "clipped_sec": [round(count / samples.sample_rate_hz, 3) for count in clipped],
            },
            caveat=samples.caveat,
        )


@hookimpl
def calls_analyzers() -> Sequence[Analyzer]:
    """Offer the analyzer; ``ANALYZERS`` decides whether it runs."""
    return [ClippingAnalyzer()]
