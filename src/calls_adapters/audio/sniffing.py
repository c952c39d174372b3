"""What a file is, by its content. Its name counts only where the content says nothing: headerless telephone audio."""

import os
import stat
from typing import BinaryIO, Final, NamedTuple

from calls_adapters.audio.mpeg import recognise
from calls_core.errors import NotAudio

_HEAD: Final = 1 << 16
_TAGS: Final = 16
_TEXT_SAMPLE: Final = 4096
_TEXT_VARIETY: Final = 8
_GSM_FRAME: Final = 33

_MAGIC: Final = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"#!AMR\n", "amr"),
    (0, b"#!AMR-WB\n", "amr"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"),
    (0, b".snd", "au"),
    (8, b"WAVE", "wav"),
    *((4, box, "mov") for box in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")),
)
_RIFF: Final = (b"RIFF", b"RIFX", b"RF64", b"BW64")
# Whatever else people upload by mistake under the name of headerless audio, of which any bytes are valid.
_FOREIGN: Final = (
    b"%PDF",
    b"7z\xbc\xaf",
    b"BZh",
    b"FORM",
    b"GIF8",
    b"MThd",
    b"PK\3\4",
    b"Rar!",
    b"SQLite format 3",
    b"caff",
    b"\x1f\x8b\x08",
    b"\x7fELF",
    b"\x89PNG",
    b"\xd0\xcf\x11\xe0",
    b"\xfd7zXZ",
    b"\xff\xd8\xff\xe0\0\x10JFIF",
)

HEADERLESS: Final = {"ulaw": "mulaw", "ul": "mulaw", "alaw": "alaw", "al": "alaw"}
"""Extension -> FFmpeg's name; 8 kHz, mono."""


class Container(NamedTuple):
    """*demuxer* is FFmpeg's name of the format; *start* is where it begins, behind any ID3 tags."""

    demuxer: str
    start: int


def open_regular(path: str) -> tuple[BinaryIO, int]:
    """Open *path* and return it with its size; a pipe or a device could keep us waiting for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotAudio("This is not a file.")
    return os.fdopen(descriptor, "rb"), status.st_size


def sniff(file: BinaryIO, size: int, extension: str) -> Container:
    """Raises ``NotAudio`` with a sentence about what was found instead."""
    start = _after_tags(file, size)
    file.seek(start)
    head = file.read(_HEAD)
    if head[:4] in _RIFF and head[8:12] != b"WAVE":
        raise NotAudio("This is a RIFF file, but not a WAV file.")
    for offset, magic, demuxer in _MAGIC:
        if head[offset:].startswith(magic) and (demuxer != "wav" or head[:4] in _RIFF):
            return Container(demuxer, start)
    if is_text(head):
        raise NotAudio("This is text, not audio.")
    found = recognise(head, whole=start + len(head) == size)
    if found:
        return Container(found[0], start + found[1])
    if head.startswith(_FOREIGN):
        raise NotAudio("This is a file of another kind, not audio.")
    if extension == "gsm" and head and all(byte >> 4 == 0xD for byte in head[::_GSM_FRAME]):
        return Container("gsm", start)
    if extension in HEADERLESS and not start:
        return Container(HEADERLESS[extension], start)
    raise NotAudio("This is not audio in a format that we decode.")


def is_text(data: bytes) -> bool:
    """Whether *data* begins as text does. Samples never look so: printable bytes mean waves on one side of zero."""
    sample = data[:_TEXT_SAMPLE]
    if len(set(sample)) <= _TEXT_VARIETY:
        return False
    try:
        text = sample.decode()
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3:
            return False
        text = sample[: error.start].decode()
    return all(character.isprintable() or character in "\t\n\r\f" for character in text)


def _after_tags(file: BinaryIO, size: int) -> int:
    start = 0
    for _ in range(_TAGS):
        file.seek(start)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) >= 0x80:
            break
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += 10 + length + (10 if head[5] & 0x10 else 0)
        if start >= size:
            raise NotAudio("The file ends inside its ID3 tag: it holds no samples.")
    return start
