"""Every accepted format is decoded, whatever the file is called."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calls_core.errors import NotAudio
from calls_core.findings import Signal
from calls_core.formats import MEDIA_TYPES
from tests import audio_files
from tests.audio_files import encode, riff, speech, wav
from tests.unit.audio.conftest import Measure

pytestmark = pytest.mark.anyio

SPOKEN = [(0.0, 1.0), (2.5, 4.0), (4.3, 6.0), (9.0, 10.0)]
SILENCES = [(1.0, 2.5), (6.0, 9.0)]
"""Of 0.7 s or longer."""

ONE = speech(10, [[(1.0, 2.5), (4.0, 4.3), (6.0, 9.0)]])
ONE_16K = speech(10, [[(1.0, 2.5), (4.0, 4.3), (6.0, 9.0)]], rate=16000)
ONE_48K = speech(10, [[(1.0, 2.5), (4.0, 4.3), (6.0, 9.0)]], rate=48000)
FLOATS = (ONE.T / 32768).astype("<f4")

Make = Callable[[Path], object]


def written(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def encoded(codec: str, samples: audio_files.Samples = ONE, rate: int = 8000, **more: Any) -> Make:
    return lambda path: encode(path, samples, codec=codec, rate=rate, **more)


def raw(body: bytes, tag: int, bits: int, **more: Any) -> Make:
    return written(riff(body, tag=tag, channels=1, rate=8000, bits=bits, **more))


U8 = ((ONE.T >> 8) + 128).astype(np.uint8).tobytes()
S24 = b"".join(b"\0" + int(sample).to_bytes(2, "little", signed=True) for sample in ONE[0])
S32 = (ONE.T.astype("<i4") << 16).tobytes()
NO_XING = {"write_xing": "0"}
PIECES = {"movflags": "frag_keyframe+empty_moov"}
EXTENSIBLE = b"\x16\0\x10\0\x04\0\0\0" + b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"

FORMATS: dict[str, tuple[str, str, int, Make]] = {
    # name: extension, codec, sample rate, maker
    "PCM, 8 bit": ("wav", "pcm_u8", 8000, raw(U8, audio_files.PCM, 8)),
    "PCM, 16 bit": ("wav", "pcm_s16le", 8000, written(wav(ONE))),
    "PCM, 24 bit": ("wav", "pcm_s24le", 8000, raw(S24, audio_files.PCM, 24)),
    "PCM, 32 bit": ("wav", "pcm_s32le", 8000, raw(S32, audio_files.PCM, 32)),
    "float": ("wav", "pcm_f32le", 8000, raw(FLOATS.tobytes(), audio_files.FLOAT, 32)),
    "double": ("wav", "pcm_f64le", 8000, raw(FLOATS.astype("<f8").tobytes(), audio_files.FLOAT, 64)),
    "extensible": ("wav", "pcm_s16le", 8000, raw(ONE.T.tobytes(), 0xFFFE, 16, extra=EXTENSIBLE)),
    "u-law in WAV": ("wav", "pcm_mulaw", 8000, raw(audio_files.g711(ONE, "pcm_mulaw"), audio_files.MULAW, 8)),
    "A-law in WAV": ("wav", "pcm_alaw", 8000, raw(audio_files.g711(ONE, "pcm_alaw"), audio_files.ALAW, 8)),
    "ADPCM, Microsoft": ("wav", "adpcm_ms", 8000, encoded("adpcm_ms")),
    "ADPCM, IMA": ("wav", "adpcm_ima_wav", 8000, encoded("adpcm_ima_wav")),
    "MP3 in WAV": ("wav", "mp3", 8000, encoded("libmp3lame")),
    "G.722 in WAV": ("wav", "adpcm_g722", 16000, encoded("g722", ONE_16K, 16000)),
    "G.726 in WAV": ("wav", "adpcm_g726", 8000, encoded("g726", bit_rate=32000)),
    "MP3": ("mp3", "mp3", 16000, encoded("libmp3lame", ONE_16K, 16000)),
    "MP3 without Xing": ("mp3", "mp3", 16000, encoded("libmp3lame", ONE_16K, 16000, container_options=NO_XING)),
    "Opus": ("opus", "opus", 48000, encoded("libopus", ONE_48K, 48000, container="ogg")),
    "Opus as ogg": ("ogg", "opus", 48000, encoded("libopus", ONE_48K, 48000)),
    "Vorbis": ("oga", "vorbis", 48000, encoded("vorbis", ONE_48K[[0, 0]], 48000, options={"strict": "-2"})),
    "FLAC": ("flac", "flac", 8000, encoded("flac")),
    "AAC in M4A": ("m4a", "aac", 16000, encoded("aac", ONE_16K, 16000, container="ipod")),
    "AAC in MP4": ("mp4", "aac", 16000, encoded("aac", ONE_16K, 16000)),
    "AAC, fragmented": ("m4a", "aac", 16000, encoded("aac", ONE_16K, 16000, container="mp4", container_options=PIECES)),
    "AAC": ("aac", "aac", 16000, encoded("aac", ONE_16K, 16000, container="adts")),
    "WebM": ("webm", "opus", 48000, encoded("libopus", ONE_48K, 48000)),
    "AMR": ("amr", "amr_nb", 8000, written(audio_files.amr(SPOKEN, 10))),
    "AMR with pauses": ("amr", "amr_nb", 8000, written(audio_files.amr(SPOKEN, 10, pauses=True))),
    "AMR-WB": ("awb", "amr_wb", 16000, written(audio_files.amr(SPOKEN, 10, wide=True))),
    "AMR-WB with pauses": ("awb", "amr_wb", 16000, written(audio_files.amr(SPOKEN, 10, wide=True, pauses=True))),
    "GSM": ("gsm", "gsm", 8000, written(audio_files.gsm(SPOKEN, 10))),
    "WMA": ("wma", "wmav2", 16000, encoded("wmav2", ONE_16K, 16000, container="asf", bit_rate=32000)),
    "Sun audio": ("ul", "pcm_mulaw", 8000, encoded("pcm_mulaw", container="au")),
    "u-law": ("ulaw", "pcm_mulaw", 8000, written(audio_files.g711(ONE, "pcm_mulaw"))),
    "u-law, short": ("ul", "pcm_mulaw", 8000, written(audio_files.g711(ONE, "pcm_mulaw"))),
    "A-law": ("alaw", "pcm_alaw", 8000, written(audio_files.g711(ONE, "pcm_alaw"))),
    "A-law, short": ("al", "pcm_alaw", 8000, written(audio_files.g711(ONE, "pcm_alaw"))),
}  # fmt: skip

SHIFTED = {
    "ADPCM, Microsoft": 0.1,
    "ADPCM, IMA": 0.1,
    "MP3 in WAV": 0.2,
    "MP3 without Xing": 0.1,
    "AAC, fragmented": 0.1,
    "AAC": 0.1,
    "AMR": 0.05,
    "WMA": 0.06,
}
"""Seconds of delay or padding that a codec adds and nothing in the file tells of."""

HEADERLESS = {"gsm", "ulaw", "ul", "alaw", "al"}


def test_every_extension_is_here() -> None:
    """No accepted extension goes without a file of its own."""
    assert {extension for extension, *_ in FORMATS.values()} == set(MEDIA_TYPES)


@pytest.mark.parametrize("name", FORMATS)
async def test_measures_duration_and_silence(name: str, tmp_path: Path, measure: Measure) -> None:
    """Duration, codec, channels, rate and all silences come out right, with no caveat for a good file."""
    extension, codec, rate, make = FORMATS[name]
    path = tmp_path / f"call.{extension}"
    make(path)

    signal = await measure(path)

    check(signal, codec, rate, shift=SHIFTED.get(name, 0.0))


@pytest.mark.parametrize("name", [name for name, (extension, *_) in FORMATS.items() if extension not in HEADERLESS])
async def test_the_name_does_not_matter(name: str, tmp_path: Path, measure: Measure) -> None:
    """A file is what its content says, even where its name says headerless audio, of which any bytes are valid."""
    extension, codec, rate, make = FORMATS[name]
    path = tmp_path / f"call.{extension}"
    make(path)

    check(await measure(path, "call.ulaw"), codec, rate, shift=SHIFTED.get(name, 0.0))


@pytest.mark.parametrize("extension", sorted(HEADERLESS))
async def test_headerless_audio_needs_its_name(extension: str, tmp_path: Path, measure: Measure) -> None:
    """Bytes that could be anything are audio only where the name says which."""
    make = next(
        make for found, _, _, make in FORMATS.values() if found == extension and make is not FORMATS["Sun audio"][3]
    )
    path = tmp_path / "call"
    make(path)

    with pytest.raises(NotAudio):
        await measure(path, "call.wav")


@pytest.mark.parametrize(
    ("lie", "magic"), [(0, b"RIFF"), (0xFFFFFFFF, b"RIFF"), (0x7FFFFFFF, b"RIFF"), (0xFFFFFFFF - 44, b"RIFF")]
)
async def test_a_recorder_that_never_came_back_to_its_header(
    lie: int, magic: bytes, tmp_path: Path, measure: Measure
) -> None:
    """A WAV file whose header gives no true length is read to its end, without a caveat."""
    (tmp_path / "a.wav").write_bytes(wav(ONE, data_size=lie, magic=magic))

    check(await measure(tmp_path / "a.wav"), "pcm_s16le", 8000)


async def test_rf64(tmp_path: Path, measure: Measure) -> None:
    """A 64-bit WAV file keeps its length in a chunk of its own."""
    ds64 = (b"ds64", bytes(8) + ONE.nbytes.to_bytes(8, "little") + bytes(12))
    header = wav(ONE, data_size=0xFFFFFFFF, magic=b"RF64", before=[ds64], after=[(b"LIST", bytes(1000))])
    (tmp_path / "a.wav").write_bytes(header)

    check(await measure(tmp_path / "a.wav"), "pcm_s16le", 8000)


async def test_what_is_behind_the_samples_is_no_sound(tmp_path: Path, measure: Measure) -> None:
    """Chunks before and behind the samples are left out."""
    content = wav(ONE, before=[(b"LIST", b"odd")], after=[(b"LIST", b"\x7f" * 9999)])
    (tmp_path / "a.wav").write_bytes(content)

    check(await measure(tmp_path / "a.wav"), "pcm_s16le", 8000)


async def test_tags_in_front(tmp_path: Path, measure: Measure) -> None:
    """ID3 tags of any size, one behind the other, are stepped over and never loaded."""
    FORMATS["MP3"][3](tmp_path / "plain.mp3")
    with (tmp_path / "a.mp3").open("wb") as file:
        file.write(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + b"ID3\x04\0\0\x7f\x7f\x7f\x7f")
        file.seek(0x0FFFFFFF, 1)
        file.write((tmp_path / "plain.mp3").read_bytes())

    check(await measure(tmp_path / "a.mp3"), "mp3", 16000)


async def test_tags_in_any_encoding(tmp_path: Path, measure: Measure) -> None:
    """A tag that is no UTF-8 does not keep a file from being heard."""
    FORMATS["FLAC"][3](tmp_path / "a.flac")
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content.replace(b"encoder=Lav", b"encoder=\xcf\xf0\xe8"))

    check(await measure(tmp_path / "a.flac"), "flac", 8000)


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("codec", ["pcm", "flac"])
async def test_each_channel_has_marks_of_its_own(codec: str, channels: int, tmp_path: Path, measure: Measure) -> None:
    """Channels stay apart and in order; together they are silent where each of them is."""
    spans = [[(1.0, 3.0 + channel / 4)] for channel in range(channels)]
    samples = speech(5, spans)
    if codec == "pcm":
        (tmp_path / "a.wav").write_bytes(wav(samples))
    else:
        encode(tmp_path / "a.wav", samples, codec="flac", container="flac")

    signal = await measure(tmp_path / "a.wav")

    assert signal.channels == channels
    assert [(m.start_sec, m.end_sec) for m in signal.silence_marks if m.channel is None] == [(1.0, 3.0)]
    apart = {m.channel: [(m.start_sec, m.end_sec)] for m in signal.silence_marks if m.channel is not None}
    assert apart == ({channel: spans[channel] for channel in range(channels)} if channels > 1 else {})
    assert len(signal.levels_dbfs) == channels
    assert {len(row) for row in signal.levels_dbfs} == {5}


@pytest.mark.requires("recordings")
async def test_real_recordings(recordings: Path, measure: Measure) -> None:
    """Real speech comes out with the duration, format and silences that are known of it."""
    for truth in json.loads((recordings / "manifest.json").read_text())["files"]:
        signal = await measure(recordings / truth["file"])

        shortest, longest = truth["duration_accept_sec"]
        assert shortest <= signal.duration_sec <= longest, truth["file"]
        for fact in ("codec", "channels", "sample_rate_hz"):
            assert truth.get(fact) in {None, getattr(signal, fact)}, truth["file"]
        for start, end in [*truth.get("must_be_silent_sec", []), *truth.get("call", {}).get("silence_must", [])]:
            assert covered(signal, start, end) >= 0.8 * (end - start), (truth["file"], start, end)
        for start, end in truth.get("must_not_be_silent_sec", []):
            assert covered(signal, start, end) == 0, (truth["file"], start, end)
        assert signal.caveat is None


def covered(signal: Signal, start: float, end: float) -> float:
    marks = [mark for mark in signal.silence_marks if mark.channel is None]
    return sum(max(0.0, min(end, mark.end_sec) - max(start, mark.start_sec)) for mark in marks)


def check(signal: Signal, codec: str, rate: int, *, shift: float = 0.0) -> None:
    assert (signal.codec, signal.sample_rate_hz, signal.caveat) == (codec, rate, None)
    assert signal.duration_sec == pytest.approx(10.0, abs=0.13 + shift)
    found = [(mark.start_sec, mark.end_sec) for mark in signal.silence_marks if mark.channel is None]
    assert len(found) == len(SILENCES), found
    for (start, end), (true_start, true_end) in zip(found, SILENCES, strict=True):
        assert start == pytest.approx(true_start, abs=0.04 + shift)
        assert end == pytest.approx(true_end, abs=0.04 + shift)
