"""Recordings that were cut off, damaged or joined: what can be decoded is kept, and the caveat says what is missing."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from calls_core.errors import NoAudioStream, NotAudio
from tests import audio_files
from tests.audio_files import encode, riff, speech, wav
from tests.unit.audio.conftest import Measure

pytestmark = pytest.mark.anyio

SILENCES = [(1.0, 2.5), (6.0, 9.0)]
ONE = speech(10, [SILENCES], rate=16000)
ONE_48K = speech(10, [SILENCES], rate=48000)
SPOKEN = [(0.0, 1.0), (2.5, 6.0), (9.0, 10.0)]
FASTSTART = {"movflags": "faststart"}


MAKERS: dict[str, Callable[[Path], object]] = {
    "a.wav": lambda path: path.write_bytes(wav(ONE, 16000)),
    "a.mp3": lambda path: encode(path, ONE, codec="libmp3lame", rate=16000),
    "a.ogg": lambda path: encode(path, ONE_48K, codec="libopus", rate=48000),
    "a.webm": lambda path: encode(path, ONE_48K, codec="libopus", rate=48000),
    "a.flac": lambda path: encode(path, ONE, codec="flac", rate=16000),
    "a.m4a": lambda path: encode(path, ONE, codec="aac", rate=16000, container="mp4", container_options=FASTSTART),
    "a.aac": lambda path: encode(path, ONE, codec="aac", rate=16000, container="adts"),
    "a.wma": lambda path: encode(path, ONE, codec="wmav2", rate=16000, container="asf", bit_rate=32000),
    "a.amr": lambda path: path.write_bytes(audio_files.amr(SPOKEN, 10)),
    "a.awb": lambda path: path.write_bytes(audio_files.amr(SPOKEN, 10, wide=True, pauses=True)),
    "a.gsm": lambda path: path.write_bytes(audio_files.gsm(SPOKEN, 10)),
}


def make(folder: Path, name: str) -> Path:
    MAKERS[name](folder / name)
    return folder / name


@pytest.mark.parametrize("name", MAKERS)
async def test_a_file_cut_in_the_middle(name: str, tmp_path: Path, measure: Measure) -> None:
    """The part that arrived is measured as it is, to its true length, and the caveat says that it is a part."""
    path = make(tmp_path, name)
    whole = await measure(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 55 // 100 + 7])

    signal = await measure(path)

    assert whole.caveat is None
    assert signal.caveat is not None
    assert signal.caveat.code == "truncated"
    assert 4.0 < signal.duration_sec < 6.2
    assert signal.silence_marks[0] == whole.silence_marks[0]


async def test_an_index_that_never_came(tmp_path: Path, measure: Measure) -> None:
    """An MP4 file cut before its index cannot be decoded, and the sentence says why."""
    path = encode(tmp_path / "a.m4a", ONE, codec="aac", rate=16000, container="mp4")
    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(NotAudio, match="cut off"):
        await measure(path)


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.flac", "a.m4a", "a.aac", "a.amr"])
async def test_damage_in_the_middle(name: str, tmp_path: Path, measure: Measure) -> None:
    """Broken parts are left out, said so, and what comes after them keeps its time."""
    path = make(tmp_path, name)
    whole = await measure(path)
    content = bytearray(path.read_bytes())
    noise = random.Random(4)
    for share in (0.30, 0.33, 0.36, 0.39):
        start = int(share * len(content))
        content[start : start + 40] = noise.randbytes(40)
    path.write_bytes(content)

    signal = await measure(path)

    assert signal.caveat is not None
    assert signal.caveat.code == "damaged"
    assert signal.duration_sec == pytest.approx(whole.duration_sec, abs=0.4)
    assert signal.silence_marks[-1].end_sec == pytest.approx(whole.silence_marks[-1].end_sec, abs=0.4)


async def joined(folder: Path, measure: Measure, files: Sequence[Path]) -> tuple[float, list[tuple[float, float]]]:
    path = folder / f"joined{files[0].suffix}"
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    signal = await measure(path)
    return signal.duration_sec, [(m.start_sec, m.end_sec) for m in signal.silence_marks if m.channel is None]


@pytest.mark.parametrize(
    ("name", "codec", "rates"),
    [
        ("a.ogg", "libopus", (48000, 48000)),
        ("a.webm", "libopus", (48000, 48000)),
        ("a.mp3", "libmp3lame", (16000, 44100)),
        ("a.aac", "aac", (16000, 44100)),
    ],
)
async def test_joined_files(name: str, codec: str, rates: tuple[int, int], tmp_path: Path, measure: Measure) -> None:
    """Files written one behind the other are heard one after the other, even if the second has other channels."""
    first = encode(tmp_path / f"1{name}", speech(10, [SILENCES], rate=rates[0]), codec=codec, rate=rates[0])
    other = speech(10, [SILENCES] * (1 if name == "a.webm" else 2), rate=rates[1])
    second = encode(tmp_path / f"2{name}", other, codec=codec, rate=rates[1])

    duration, silences = await joined(tmp_path, measure, [first, second])

    assert duration == pytest.approx(20, abs=0.3)
    assert len(silences) == 4
    assert silences[2][0] == pytest.approx(11, abs=0.2)


async def test_a_frame_more_or_less_is_no_damage(tmp_path: Path, measure: Measure) -> None:
    """An MP3 with a tag, or other bytes that are no frames, behind its end is as good as any."""
    path = make(tmp_path, "a.mp3")
    content = path.read_bytes()
    for tail in (b"TAG" + bytes(125), bytes(5000), b"made by a recorder " * 20):
        path.write_bytes(content + tail)

        assert (await measure(path)).caveat is None


EMPTY = {
    "WAV without samples": ("a.wav", riff(b"", tag=1, channels=1, rate=8000, bits=16)),
    "WAV with half a sample": ("a.wav", riff(b"\0", tag=1, channels=1, rate=8000, bits=16, data_size=1)),
    "WAV without samples, with a list": (
        "a.wav", riff(b"", tag=1, channels=1, rate=8000, bits=16, after=[(b"LIST", bytes(64))]),
    ),
    "AMR": ("a.amr", b"#!AMR\n"),
    "AMR-WB": ("a.awb", b"#!AMR-WB\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
async def test_a_header_and_nothing_else(name: str, tmp_path: Path, measure: Measure) -> None:
    """A good header with no samples behind it is refused."""
    filename, content = EMPTY[name]
    (tmp_path / filename).write_bytes(content)

    with pytest.raises((NoAudioStream, NotAudio)):
        await measure(tmp_path / filename)


async def test_a_picture_in_an_mp4_is_no_audio(tmp_path: Path, measure: Measure) -> None:
    """A file that has streams, but none of audio, is refused as such."""
    import av  # noqa: PLC0415 (only here)

    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))

    with pytest.raises(NoAudioStream):
        await measure(tmp_path / "a.mp4")
