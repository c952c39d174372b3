"""Makes small audio files of every accepted format, with known silences, and the damage that files come to."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
"""One row per channel."""

Span = tuple[float, float]

PCM: Final = 1
FLOAT: Final = 3
ALAW: Final = 6
MULAW: Final = 7


def speech(
    duration_sec: float,
    silences: Sequence[Sequence[Span]],
    *,
    rate: int = 8000,
    level_dbfs: float = -12.0,
    noise_dbfs: float = -60.0,
    seed: int = 1,
) -> Samples:
    """Return noise shaped like syllables, one channel per item of *silences*, with only faint noise in those spans."""
    random = np.random.default_rng(seed)
    count = round(duration_sec * rate)
    time = np.arange(count) / rate
    rows = []
    for channel, spans in enumerate(silences):
        voice = np.convolve(random.standard_normal(count), np.ones(3) / 3, "same")
        voice *= 10 ** (level_dbfs / 20) * (0.7 + 0.3 * np.sin(2 * np.pi * (4 + channel) * time))
        for start, end in spans:
            voice[round(start * rate) : round(end * rate)] = 0
        noise = random.standard_normal(count) * 10 ** (noise_dbfs / 20)
        rows.append(np.clip((voice + noise) * 32767, -32768, 32767))
    return np.asarray(rows, dtype=np.int16)


def riff(
    body: bytes,
    *,
    tag: int,
    channels: int,
    rate: int,
    bits: int,
    block_align: int | None = None,
    extra: bytes = b"",
    data_size: int | None = None,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
    magic: bytes = b"RIFF",
) -> bytes:
    """Return a WAV file; *data_size* lets the header of the data chunk lie."""
    align = channels * bits // 8 if block_align is None else block_align
    fmt = struct.pack("<HHIIHH", tag, channels, rate, min(rate * align, 0xFFFFFFFF), align, bits) + extra
    chunks = b"".join(_chunk(name, content) for name, content in ((b"fmt ", fmt), *before))
    size = len(body) if data_size is None else data_size
    data = b"data" + struct.pack("<I", size) + body + b"\0" * (len(body) % 2 if data_size is None else 0)
    tail = b"".join(_chunk(name, content) for name, content in after)
    total = min(4 + len(chunks) + len(data) + len(tail), 0xFFFFFFFF)
    return magic + struct.pack("<I", total) + b"WAVE" + chunks + data + tail


def wav(samples: Samples, rate: int = 8000, **lies: Any) -> bytes:
    """Return *samples* as a 16-bit WAV file."""
    return riff(samples.T.astype("<i2").tobytes(), tag=PCM, channels=len(samples), rate=rate, bits=16, **lies)


def g711(samples: Samples, codec: str) -> bytes:
    """Return *samples* interleaved and coded as ``pcm_mulaw`` or ``pcm_alaw``, without a header."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = 8000
    context.format = "s16"
    context.layout = "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = 8000
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def encode(
    path: Path,
    samples: Samples,
    *,
    codec: str,
    rate: int = 8000,
    container: str | None = None,
    bit_rate: int | None = None,
    container_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write *samples* to *path* with FFmpeg's encoder *codec*, in the *container* named or that the path suggests."""
    layout = {1: "mono", 2: "stereo"}.get(len(samples), f"{len(samples)}c")
    with av.open(str(path), "w", format=container, container_options=container_options or {}) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout, options=options or {})
        assert isinstance(stream, av.AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        for start in range(0, samples.shape[1], rate):
            part = samples[:, start : start + rate].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout=layout)
            frame.sample_rate = rate
            frame.pts = start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def gsm(spoken: Sequence[Span], duration_sec: float, *, seed: int = 1) -> bytes:
    """Return headerless GSM 06.10: random frames, loud in the spans *spoken* and close to nothing elsewhere.

    A frame has 4 magic bits, 36 bits of filter, and four times 17 bits of pitch and gain (the last 6 are the loudness)
    and 39 bits of pulses (RFC 3551, 4.5.8).
    """
    random = np.random.default_rng(seed)
    frames = []
    for number in range(round(duration_sec * 50)):
        loud = any(start <= number / 50 < end for start, end in spoken)
        bits = "1101" + "".join(f"{value:0{width}b}" for value, width in zip(_GSM_FILTER, _GSM_WIDTHS, strict=True))
        for _ in range(4):
            pulses = "".join(random.choice(["0", "1"], 39)) if loud else "100" * 13
            bits += f"{40:07b}" + "00" + "00" + f"{52 if loud else 0:06b}" + pulses
        frames.append(int(bits, 2).to_bytes(33, "big"))
    return b"".join(frames)


def amr(
    spoken: Sequence[Span], duration_sec: float, *, wide: bool = False, pauses: bool = False, seed: int = 1
) -> bytes:
    """Return an AMR file of 12.2 kbit/s, or a wide one of 12.65: random frames in the spans *spoken*.

    Elsewhere there are frames of zeros, or with *pauses* what a telephone sends while nobody speaks: a description of
    the background every eighth frame, and nothing.
    """
    random = np.random.default_rng(seed)
    kind, size = (2, 32) if wide else (7, 31)
    frames = [b"#!AMR-WB\n" if wide else b"#!AMR\n"]
    for number in range(round(duration_sec * 50)):
        loud = any(start <= number / 50 < end for start, end in spoken)
        if loud or not pauses:
            frames.append(bytes([kind << 3 | 4]) + (random.bytes(size) if loud else bytes(size)))
        elif number % 8:
            frames.append(bytes([15 << 3 | 4]))
        else:
            frames.append(bytes([(9 if wide else 8) << 3 | 4, *bytes(5)]))
    return b"".join(frames)


_GSM_FILTER: Final = (32, 32, 16, 16, 8, 8, 4, 4)
_GSM_WIDTHS: Final = (6, 6, 5, 5, 4, 4, 3, 3)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
