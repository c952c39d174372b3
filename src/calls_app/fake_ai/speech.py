"""Makes up what was said: nobody is understood, but words come where the sound is, and the same ones every time."""

import io
import wave
import zlib
from collections.abc import Iterator
from typing import Any, Final

import av
import numpy as np

_FRAME_SEC: Final = 0.02
_LOUD_DBFS: Final = -40.0
_BREATH_FRAMES: Final = 15
_WORD_SEC: Final = 0.35
_WORDS: Final = """
hello yes please order number delivery tomorrow thank you invoice customer service morning address street payment card
refund problem solved account help check wait moment sorry price today phone call again office repeat confirm correct
exactly understand question answer contract
""".split()  # noqa: SIM905 (forty lines otherwise)

Span = tuple[float, float]


class NotWav(ValueError):
    """The file is not one that the fake understands."""


def transcribed(body: bytes) -> tuple[dict[str, Any], float]:
    """Return ``verbose_json`` about a 16-bit mono WAV file, and how many seconds it lasts.

    Raises:
        NotWav: it is none.
    """
    try:
        with wave.open(io.BytesIO(body)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise NotWav("only 16-bit mono is understood")
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    except (wave.Error, EOFError) as error:
        raise NotWav(str(error) or "the file is broken off") from error
    duration = len(samples) / rate
    spoken = list(_spoken(samples, rate))
    words = [word for _, _, said in spoken for word in said]
    segments = [{"id": n, "start": a, "end": b, "text": f" {_text(said)}"} for n, (a, b, said) in enumerate(spoken)]
    answer = {"task": "transcribe", "language": "english", "duration": duration, "text": _text(words)}
    return answer | {"segments": segments, "words": words}, duration


def dialogue(body: bytes) -> tuple[dict[str, Any], float]:
    """Return a transcript of audio in any format, each segment with its channel, and how many seconds it lasts.

    Raises:
        NotWav: it is no audio.
    """
    try:
        with av.open(io.BytesIO(body), "r") as container:
            resampler = av.AudioResampler(format="s16p")
            frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
            rate = frames[0].sample_rate
            planes = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    except (av.error.FFmpegError, IndexError) as error:
        raise NotWav(f"it cannot be decoded: {error}") from error
    segments: list[dict[str, Any]] = [
        {"start": a, "end": b, "text": _text(said), "channel": channel, "words": said}
        for channel, plane in enumerate(planes)
        for a, b, said in _spoken(plane, rate)
    ]
    segments.sort(key=lambda segment: segment["start"])
    text = "\n".join(segment["text"] for segment in segments)
    return {"text": text, "language": "en", "segments": segments}, planes.shape[1] / rate


def _spoken(samples: Any, rate: int) -> Iterator[tuple[float, float, list[dict[str, Any]]]]:  # noqa: ANN401 (an array)
    for start, end in _loud(samples, rate):
        seed = zlib.crc32(samples[round(start * rate) : round(end * rate)].tobytes())
        count = max(1, round((end - start) / _WORD_SEC))
        edges = [round(start + (end - start) * i / count, 3) for i in range(count + 1)]
        said = [_WORDS[(seed + i * 7) % len(_WORDS)] for i in range(count)]
        yield start, end, [{"word": w, "start": a, "end": b} for w, a, b in zip(said, edges, edges[1:], strict=False)]


def _text(words: list[dict[str, Any]]) -> str:
    return " ".join(word["word"] for word in words)


def _loud(samples: Any, rate: int) -> Iterator[Span]:  # noqa: ANN401 (an array)
    frame = max(1, round(rate * _FRAME_SEC))
    whole = len(samples) // frame
    power = np.square(samples[: whole * frame].reshape(whole, frame).astype(np.float32)).mean(axis=1)
    loud = np.flatnonzero(power > (32768 * 10 ** (_LOUD_DBFS / 20)) ** 2)
    if not len(loud):
        return
    for run in np.split(loud, np.flatnonzero(np.diff(loud) > _BREATH_FRAMES) + 1):
        yield round(int(run[0]) * frame / rate, 3), round((int(run[-1]) + 1) * frame / rate, 3)
