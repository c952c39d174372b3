"""What is made up for tests without a worker: findings, analyzers that only have a name, and a patient receiver."""

import hashlib
from dataclasses import dataclass
from typing import Final

from calls_core.delivery import Attempt
from calls_core.destination import Destination, DestinationDetails
from calls_core.errors import FieldError
from calls_core.events import Event
from calls_core.findings import Finding, Peaks, Segment, Signal, SilenceMark, Transcript, Word
from calls_core.ports import Audio, Sender

SIGNAL: Final = Signal(
    duration_sec=2.5,
    codec="pcm_mulaw",
    channels=2,
    sample_rate_hz=8000,
    silence_marks=(SilenceMark(start_sec=0.5, end_sec=1.75), SilenceMark(start_sec=0.25, end_sec=2.0, channel=1)),
    levels_dbfs=((-12.5, -96.0, -20.0), (-30.0, -31.0, -96.0)),
    peaks=Peaks(channels=2, sample_rate_hz=8000, samples_per_point=80, data=bytes([0x80, 0x7F, 0xFE, 0x02] * 250)),
)
TRANSCRIPT: Final = Transcript(
    text="Hello & welcome\nhow <are> you",
    language="en",
    segments=(
        Segment(
            start_sec=0.0,
            end_sec=0.5,
            text="Hello & welcome",
            channel=0,
            words=(Word(text="Hello", start_sec=0.0, end_sec=0.25), Word(text="welcome", start_sec=0.25, end_sec=0.5)),
        ),
        Segment(start_sec=1.75, end_sec=2.5, text="how <are>\n\nyou --> there", channel=1),
    ),
)


@dataclass(frozen=True)
class Named:
    """An analyzer that nobody runs here: it only gives its step a name."""

    name: str
    version: str = "1"
    after: tuple[str, ...] = ()

    async def analyze(self, audio: Audio) -> Finding:
        raise NotImplementedError


class MemorySender(Sender):
    """A receiver that accepts everything."""

    def __init__(self) -> None:
        self.sent: list[tuple[Destination, Event, bytes]] = []

    def faults(self, details: DestinationDetails) -> list[FieldError]:
        return []

    async def send(self, destination: Destination, event: Event, body: bytes) -> Attempt:
        self.sent.append((destination, event, body))
        return Attempt(at=event.occurred_at, duration_ms=1, status=200)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
