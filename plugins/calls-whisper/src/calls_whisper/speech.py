"""What the analyzer asks of a speech engine, and what it is told. Times are seconds within the samples given."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
"""What Whisper and Silero were trained on."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono, from -1 to 1, at `RATE_HZ`."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    text: str
    start_sec: float
    end_sec: float


@dataclass(frozen=True, slots=True)
class Written:
    """Sentences, or what comes near to them, of words in order; and how probable the engine found each language.

    *languages* is empty when the language was given.
    """

    sentences: Sequence[Sequence[HeardWord]]
    languages: Mapping[str, float]


class Engine(Protocol):
    """Hears and writes down. All methods block; none is called by two threads at once."""

    @abstractmethod
    def speech(self, samples: Samples) -> Sequence[tuple[int, int]]:
        """Return where somebody speaks, as first sample and the one after the last, with a margin, in order."""

    @abstractmethod
    def write_down(self, samples: Samples, language: str | None) -> Written:
        """Write down half a minute at most, in the most probable language when none is given."""
