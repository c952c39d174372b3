"""Files made to do harm end in a clear refusal, quickly, with nothing else opened."""

import asyncio
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from calls_core.errors import AudioRefused, AudioTooComplex, AudioTooLong, NotAudio
from tests.audio_files import encode, riff, speech, wav
from tests.unit.audio.conftest import Measure

pytestmark = pytest.mark.anyio

PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{file}\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
    "HLS to itself": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{itself}\n",
    "HLS, key elsewhere": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:5,\n{file}\n',
    "M3U": "#EXTM3U\n{file}\n{url}\n",
    "PLS": "[playlist]\nFile1={file}\nFile2={url}\nNumberOfEntries=2\n",
    "concat script": "ffconcat version 1.0\nfile '{file}'\nfile '{url}'\n",
    "DASH": '<?xml version="1.0"?><MPD type="static"><Period><BaseURL>{url}</BaseURL></Period></MPD>',
    "Smooth Streaming": '<SmoothStreamingMedia MajorVersion="2"><StreamIndex Url="{url}"/></SmoothStreamingMedia>',
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "ASX": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "XSPF": '<?xml version="1.0"?><playlist><trackList><location>{file}</location></trackList></playlist>',
    "HTML": '<!doctype html><audio src="{url}">Привет, world, this is a page</audio>',
    "RTSP": "RTSPtext\n{url}\n",
}

HIDDEN: dict[str, Callable[[bytes], bytes]] = {
    "mp3, ulaw": lambda text: text,
    "mp3, wav": lambda text: b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + text,
    "wav, gsm": lambda text: riff(text * 9, tag=1, channels=1, rate=8000, bits=16),
    "wav": lambda text: riff(text * 9, tag=0x55, channels=1, rate=8000, bits=0, block_align=1),
}


@pytest.mark.parametrize("extensions", HIDDEN)
async def test_a_playlist_leads_nowhere(extensions: str, tmp_path: Path, measure: Measure) -> None:
    """No playlist, bare, behind a tag or in the body of a WAV, makes us open another file or connect to anybody."""
    visits = []
    (tmp_path / "canary.wav").write_bytes(wav(speech(3, [[]])))
    async with await asyncio.start_server(lambda *peer: visits.append(peer), "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.wav"
        for playlist in PLAYLISTS.values():
            for extension in extensions.split(", "):
                path = tmp_path / f"a.{extension}"
                text = playlist.format(file=tmp_path / "canary.wav", url=url, itself=path)
                path.write_bytes(HIDDEN[extensions](text.encode()))

                with pytest.raises(NotAudio):
                    await measure(path)
    assert visits == []


FOREIGN = {
    "ZIP": b"PK\x03\x04" + bytes(2000),
    "ELF": b"\x7fELF" + bytes(2000),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(2000),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(2000),
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(2000),
    "AVI": b"RIFF\0\1\0\0AVI LIST" + bytes(2000),
    "plain text": b"The quick brown fox jumps over the lazy dog.\r\n" * 200,
    "Russian text": "Съешь же ещё этих мягких французских булок.\n".encode() * 200,
    "JSON": b'{"caller": "+7900", "receiver": "100"}',
}


@pytest.mark.parametrize("extension", ["wav", "ulaw", "mp3"])
@pytest.mark.parametrize("name", FOREIGN)
async def test_other_files_are_no_audio(name: str, extension: str, tmp_path: Path, measure: Measure) -> None:
    """What is plainly something else is refused even where any bytes would be valid samples."""
    (tmp_path / f"a.{extension}").write_bytes(FOREIGN[name])

    with pytest.raises(NotAudio):
        await measure(tmp_path / f"a.{extension}")


async def test_only_files_are_opened(tmp_path: Path, measure: Measure) -> None:
    """A pipe that nobody writes to, or a folder, ends at once instead of keeping a worker waiting."""
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()

    for name in ("pipe.wav", "folder.wav"):
        with pytest.raises(NotAudio):
            await measure(tmp_path / name)


@pytest.mark.parametrize(
    ("channels", "rate"), [(9, 8000), (65535, 8000), (1, 999), (1, 2**31), (1, 192_001), (0, 8000), (1, 0)]
)
async def test_absurd_shapes(channels: int, rate: int, tmp_path: Path, measure: Measure) -> None:
    """More channels or another rate than any call has are refused by the header alone."""
    content = riff(bytes(4000), tag=1, channels=channels, rate=rate, bits=16, block_align=min(2 * channels, 65535))
    (tmp_path / "a.wav").write_bytes(content)

    with pytest.raises(AudioTooComplex if channels and rate else AudioRefused):
        await measure(tmp_path / "a.wav")


async def test_hours_of_silence_in_a_small_file(tmp_path: Path, measure: Measure) -> None:
    """What counts against the limit of duration is what comes out of the decoder."""
    path = encode(tmp_path / "a.flac", speech(3000, [[(0, 3000)]], noise_dbfs=-120), codec="flac")

    with pytest.raises(AudioTooLong, match="1800 seconds"):
        await measure(path, max_duration_sec=1800)
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("name", ["wav", "amr", "ulaw"])
async def test_long_audio_of_other_kinds(name: str, tmp_path: Path, measure: Measure) -> None:
    """The limit holds where no decoder of FFmpeg is asked, too."""
    path = tmp_path / f"a.{name}"
    head = {"wav": wav(speech(1, [[]]), data_size=0xFFFFFFFF), "amr": b"#!AMR\n", "ulaw": b""}[name]
    with path.open("wb") as file:
        file.write(head)
        file.truncate(30_000_000)

    with pytest.raises(AudioTooLong):
        await measure(path, max_duration_sec=600)


BOMBS: dict[str, tuple[str, bytes]] = {
    "a million boxes": ("a.m4a", b"\0\0\0\x14ftypM4A \0\0\0\0M4A \0\0\0\x08free" + b"\0\0\0\x08free" * 1_000_000),
    "boxes in boxes": (
        "a.mp4",
        b"\0\0\0\x14ftypM4A \0\0\0\0M4A "
        + b"".join(struct.pack(">I4s", 8 * (99_999 - n), b"moov") for n in range(99_990)),
    ),
    "a million chunks": ("a.wav", b"RIFF\xff\xff\xff\xffWAVE" + b"JUNK\0\0\0\0" * 1_000_000),
    "a tag longer than the file": ("a.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(100)),
    "a thousand tags": ("a.mp3", b"ID3\x04\0\0\0\0\0\0" * 1000),
    "a huge table": (
        "a.mp4",
        b"\0\0\0\x14ftypM4A \0\0\0\0M4A \0\0\0\x20moov\0\0\0\x18stsz\0\0\0\0\0\0\0\0\xff\xff\xff\xff",
    ),
    "an EBML of unknown length": ("a.webm", b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 2000),
    "a FLAC of 65 535 samples a block": ("a.flac", b"fLaC\x80\0\0\x22" + b"\xff" * 34 + b"\xff\xf8" * 5000),
    "all ones": ("a.mp3", b"\xff" * 3_000_000),
    "all frame heads": ("a.mp3", b"\xff\xfb\x90\x64" * 500_000),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_bombs(name: str, tmp_path: Path, measure: Measure) -> None:
    """Structures without end are refused in seconds."""
    filename, content = BOMBS[name]
    (tmp_path / filename).write_bytes(content)

    async with asyncio.timeout(20):
        with pytest.raises(AudioRefused):
            await measure(tmp_path / filename)


@pytest.mark.parametrize("seed", range(12))
async def test_broken_in_any_place(seed: int, tmp_path: Path, measure: Measure) -> None:
    """Whatever bytes are changed or cut, the answer is a finding or a refusal, never a crash."""
    noise = random.Random(seed)
    sound = speech(2, [[(0.5, 1.5)]], rate=16000)
    path = tmp_path / "a"
    makers = [
        "libmp3lame mp3",
        "flac flac",
        "aac mp4",
        "aac adts",
        "wmav2 asf",
        "adpcm_ms wav",
        "vorbis ogg",
        "mp2 wav",
    ]
    codec, container = makers[seed % len(makers)].split()
    stereo = codec == "vorbis"
    sound = sound[[0, 0]] if stereo else sound
    options = {"strict": "-2"} if stereo else {}
    encode(path, sound, codec=codec, container=container, rate=16000, bit_rate=64000, options=options)
    whole = path.read_bytes()
    for attempt in range(6):
        content = bytearray(whole)
        reach = 200 if attempt % 2 else len(content)
        for _ in range(noise.randrange(1, 20)):
            content[noise.randrange(reach)] = noise.randrange(256)
        path.write_bytes(content[: noise.randrange(len(content))] if attempt % 3 == 2 else content)

        try:
            signal = await measure(path, "a.wav")
        except AudioRefused as refusal:
            assert str(refusal).endswith(".")  # noqa: PT017 (a finding is as good)
        else:
            assert 0 < signal.duration_sec < 600
