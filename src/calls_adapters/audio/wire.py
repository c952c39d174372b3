"""What the parent asks of a decoder process, and the messages that come back: a letter, a length, a payload."""

import json
import struct
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import BinaryIO, Final

from calls_core.errors import Reason

HEAD: Final = struct.Struct("<cI")

FORMAT: Final = b"F"
"""JSON: ``codec``, ``channels``, ``sample_rate_hz`` of the samples that follow."""
SAMPLES: Final = b"S"
"""Signed 16-bit samples in native byte order, one channel after the other."""
PROGRESS: Final = b"P"
"""A double from 0 to 1, native."""
MEASURED: Final = b"M"
"""``Measured.pack``."""
REFUSED: Final = b"R"
"""JSON: the name of an ``AudioRefused``, and its message."""
CRASHED: Final = b"C"
"""UTF-8: what the child died of, in its own words."""
END: Final = b"Z"
"""JSON: ``null``, or the code and the detail of a caveat; nothing follows."""

PAYLOAD_LIMIT: Final = 256 << 20
FRACTION: Final = struct.Struct("=d")


class Action(StrEnum):
    DECODE = "decode"
    MEASURE = "measure"
    PYDUB = "pydub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One file, what to do with it, and the limits on doing it.

    Other users of the machine can read it in the list of processes, so it has no name that a client gave.
    """

    action: Action
    path: str
    extension: str
    max_duration_sec: float
    memory_bytes: int
    cpu_sec: int
    sample_rate_hz: int | None = None
    silence_threshold_dbfs: float = 0.0
    silence_min_sec: float = 0.0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Task":
        fields = json.loads(text)
        return cls(**{**fields, "action": Action(fields["action"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A ``Signal`` on its way through the pipe.

    *marks* holds 32-bit triples: channel (-1 for all at once), start and end in milliseconds. *levels* holds 16-bit
    tenths of dBFS, one second after the other, one channel after the other. *peaks* is ``Peaks.data``.
    """

    duration_sec: float
    codec: str
    channels: int
    sample_rate_hz: int
    samples_per_point: int
    marks: bytes
    levels: bytes
    peaks: bytes

    def pack(self) -> bytes:
        facts = asdict(self)
        parts = [facts.pop(name) for name in ("marks", "levels", "peaks")]
        head = json.dumps({**facts, "sizes": [len(part) for part in parts]}).encode()
        return b"".join((struct.pack("<I", len(head)), head, *parts))

    @classmethod
    def unpack(cls, payload: bytes) -> "Measured":
        """Raises ``ValueError``, ``KeyError``, ``TypeError`` or ``struct.error`` on nonsense."""
        (size,) = struct.unpack_from("<I", payload)
        facts = json.loads(payload[4 : 4 + size])
        marks, levels, peaks = facts.pop("sizes")
        if 4 + size + marks + levels + peaks != len(payload):
            raise ValueError("the sizes do not add up")
        body = memoryview(payload)[4 + size :]
        return cls(
            **facts,
            marks=bytes(body[:marks]),
            levels=bytes(body[marks : marks + levels]),
            peaks=bytes(body[marks + levels :]),
        )


def caveat(payload: bytes) -> Reason | None:
    """Read the payload of ``END``."""
    parts = json.loads(payload)
    return parts and Reason(*parts)


def send(pipe: BinaryIO, kind: bytes, *parts: bytes) -> None:
    """Write one message whose payload is *parts* in a row."""
    pipe.write(HEAD.pack(kind, sum(len(part) for part in parts)))
    pipe.writelines(parts)
    pipe.flush()
