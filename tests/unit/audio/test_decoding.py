"""The samples that plugins get."""

from pathlib import Path

import numpy as np
import pytest

from calls_adapters.audio.decoder import ChildDecoder
from tests.audio_files import Samples, encode, g711, riff, speech, wav

pytestmark = pytest.mark.anyio


async def decoded(path: Path, rate: int | None = None, filename: str | None = None) -> tuple[Samples, int, int]:
    """Return all samples, their rate, and how many there were in the longest block."""
    async with ChildDecoder().decode(path, filename or path.name, sample_rate_hz=rate) as audio:
        blocks = [[np.frombuffer(plane, np.int16) for plane in block] async for block in audio]
        assert {len(block) for block in blocks} == {audio.channels}
        assert all(len({len(plane) for plane in block}) == 1 for block in blocks)
        return np.hstack([np.vstack(block) for block in blocks]), audio.sample_rate_hz, max(len(b[0]) for b in blocks)


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
async def test_samples_of_a_wav_are_untouched(channels: int, tmp_path: Path) -> None:
    """What was recorded comes out bit for bit, channel by channel, in blocks of at most four seconds."""
    samples = speech(11, [[(1, 2)]] * channels)
    (tmp_path / "a.wav").write_bytes(wav(samples))

    found, rate, longest = await decoded(tmp_path / "a.wav")

    assert np.array_equal(found, samples)
    assert rate == 8000
    assert longest <= 4 * rate


@pytest.mark.parametrize("channels", [1, 2, 8])
async def test_samples_of_a_flac_are_untouched(channels: int, tmp_path: Path) -> None:
    """FFmpeg's way out is as exact as our own."""
    samples = speech(11, [[(1, 2)]] * channels)
    encode(tmp_path / "a.flac", samples, codec="flac")

    found, rate, longest = await decoded(tmp_path / "a.flac")

    assert np.array_equal(found, samples)
    assert longest <= 4 * rate


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw"])
async def test_g711_is_what_ffmpeg_makes_of_it(codec: str, tmp_path: Path) -> None:
    """All 256 codes, in pairs and at an odd end, give the samples that FFmpeg gives."""
    codes = bytes(range(256)) * 3 + b"\x01"
    (tmp_path / "a.wav").write_bytes(riff(codes, tag=7 if codec == "pcm_mulaw" else 6, channels=1, rate=8000, bits=8))
    import av  # noqa: PLC0415 (only here)

    with av.open(str(tmp_path / "a.wav")) as file:
        truth = np.hstack([frame.to_ndarray() for frame in file.decode(audio=0)])

    found, _, _ = await decoded(tmp_path / "a.wav")

    assert np.array_equal(found, truth)


@pytest.mark.parametrize("wanted", [8000, 16000, 48000])
@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("kind", ["wav", "flac", "ulaw"])
async def test_resampling(kind: str, channels: int, wanted: int, tmp_path: Path) -> None:
    """Any rate can be asked for: as long as before, as loud as before, channels in their places."""
    if kind == "ulaw" and channels > 1:
        return
    samples = speech(9, [[(1, 2)]] * channels) // np.arange(1, channels + 1, dtype=np.int16)[:, None]
    path = tmp_path / f"a.{kind}"
    if kind == "wav":
        path.write_bytes(wav(samples))
    elif kind == "flac":
        encode(path, samples, codec="flac")
    else:
        path.write_bytes(g711(samples, "pcm_mulaw"))

    found, rate, longest = await decoded(path, wanted)

    assert rate == wanted
    assert found.shape[1] == pytest.approx(9 * wanted, rel=0.002)
    assert longest <= 4 * rate
    loudness = np.sqrt(np.square(found.astype(float)).mean(axis=1) / np.square(samples.astype(float)).mean(axis=1))
    assert loudness == pytest.approx(1.0, abs=0.15)


async def test_a_part_of_a_recording(tmp_path: Path) -> None:
    """The caveat comes after the last block."""
    (tmp_path / "a.wav").write_bytes(wav(speech(5, [[]]))[:-20000])

    async with ChildDecoder().decode(tmp_path / "a.wav", "a.wav") as audio:
        assert audio.caveat is None
        assert sum([len(block[0]) // 2 async for block in audio]) == 30000

    assert audio.caveat is not None
    assert audio.caveat.code == "truncated"
