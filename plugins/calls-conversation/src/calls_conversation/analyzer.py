"""The analyzer ``conversation``: samples in, one finding out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from calls_core.findings import Facts
from calls_core.ports import Audio, DecodedAudio

from calls_conversation.definitions import Definitions
from calls_conversation.listening import DETECTOR_RATES_HZ, Listener
from calls_conversation.report import report

_FALLBACK_RATE_HZ: Final = 16_000


@dataclass(frozen=True, slots=True)
class ConversationAnalyzer:
    """Measures how a call went. What every number means is said in the package's README and in ``Definitions``.

    Samples are reduced as they come: what is kept of an hour are 1.1 MB per channel. The work is done in threads, in
    pieces of a few seconds.
    """

    definitions: Definitions = field(default_factory=Definitions)
    name: str = "conversation"
    version: str = "1"
    after: Sequence[str] = ()

    async def analyze(self, audio: Audio) -> Facts:
        """Return the facts that ``report`` lists."""
        async with audio.decoded() as samples:
            if samples.sample_rate_hz in DETECTOR_RATES_HZ:
                return await self._analyzed(samples)
        async with audio.decoded(sample_rate_hz=_FALLBACK_RATE_HZ) as samples:
            return await self._analyzed(samples)

    async def _analyzed(self, samples: DecodedAudio) -> Facts:
        listener = Listener(samples.channels, samples.sample_rate_hz)
        async for block in samples:
            await asyncio.to_thread(listener.hear, block)
        values = await asyncio.to_thread(lambda: report(listener.finish(), self.definitions))
        return Facts(values=values, caveat=samples.caveat)
