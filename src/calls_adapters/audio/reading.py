"""Opens a file in the way that its content asks for, and reads it within the limits."""

import math
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, TypeAlias

from calls_adapters.audio import amr, ogg, riff
from calls_adapters.audio.pcm import CODECS, PcmSource
from calls_adapters.audio.promises import is_cut_short
from calls_adapters.audio.sniffing import HEADERLESS, is_text, open_regular, sniff
from calls_adapters.audio.source import Samples, Source, check_shape
from calls_core.errors import AudioTooLong, NoAudioStream, NotAudio, Reason

Progress: TypeAlias = Callable[[float], None]

_TELEPHONE_RATE_HZ: Final = 8_000
_SNIFFED: Final = 4096
# An MP3 with something else behind its last frame makes FFmpeg complain once.
_FORGIVEN: Final = {"mp3": 1}
_AT_THE_END: Final = 2


class Reading:
    """One file on its way from bytes to samples. Close it by leaving the process."""

    def __init__(self, path: str, extension: str, *, max_duration_sec: float) -> None:
        """Raises ``AudioRefused``."""
        self._file, self._size = open_regular(path)
        self._container = sniff(self._file, self._size, extension)
        self._max_duration_sec = max_duration_sec
        self.frames = 0
        try:
            self.source = self._open(path)
        except NotAudio as error:
            if is_cut_short(self._file, self._size, self._container, 0.0):
                raise NotAudio("The file is cut off before anything of it can be decoded.") from error
            raise

    def chunks(self, frames: int, progress: Progress) -> Iterator[Samples]:
        """Decode everything in pieces of *frames*, the last one shorter.

        Raises:
            AudioTooLong: by what was decoded, whatever the header said.
            NoAudioStream: there was nothing to decode.
        """
        limit = self._max_duration_sec * self.source.sample_rate_hz
        for chunk in self.source.chunks(frames):
            self.frames += chunk.shape[1]
            if self.frames > limit:
                raise self._too_long()
            progress(min(1.0, self.frames / max(self.source.expected_frames, self.frames + 1)))
            yield chunk
        if not self.frames:
            raise NoAudioStream("The file holds no samples.")

    def caveat(self) -> Reason | None:
        """Tell, after the last chunk, what limits the result."""
        skipped = self.source.skipped
        decoded_sec = self.frames / self.source.sample_rate_hz
        # Where more than a last frame was left out, too few samples do not mean that the end is missing.
        counted_sec = decoded_sec if skipped <= _AT_THE_END else math.inf
        if is_cut_short(self._file, self._size, self._container, counted_sec):
            return Reason("truncated", f"The file is cut off; what arrived, {decoded_sec:.3f} seconds, was analysed.")
        if skipped > _FORGIVEN.get(self._container.demuxer, 0):
            return Reason("damaged", f"Parts of the file are damaged and were left out: {skipped} errors.")
        return None

    def _open(self, path: str) -> Source:
        demuxer = self._container.demuxer
        if demuxer == "wav":
            return self._open_wav(path)
        if demuxer in HEADERLESS.values():
            key = (riff.MULAW if demuxer == "mulaw" else riff.ALAW, 1)
            rate = _TELEPHONE_RATE_HZ
            return PcmSource(self._file, key, channels=1, sample_rate_hz=rate, start=0, size=self._size)
        if demuxer == "amr":
            return self._open_amr(path)
        return self._by_ffmpeg(path)

    def _open_wav(self, path: str) -> Source:
        header = riff.read_wav(self._file, self._size)
        check_shape(header.channels, header.sample_rate_hz)
        if not header.data_size:
            raise NoAudioStream("The WAV file holds no samples.")
        if is_text(_read(self._file, header.data_start, min(header.data_size, _SNIFFED))):
            raise NotAudio("This is text behind the header of a WAV file, not audio.")
        key = (header.tag, header.frame_bytes // header.channels)
        if key not in CODECS or header.frame_bytes % header.channels:
            return self._by_ffmpeg(path)
        return PcmSource(
            self._file,
            key,
            channels=header.channels,
            sample_rate_hz=header.sample_rate_hz,
            start=header.data_start,
            size=header.data_size,
        )

    def _open_amr(self, path: str) -> Source:
        if self._size > self._max_duration_sec * amr.HIGHEST_BYTES_PER_SEC:
            raise self._too_long()
        data = _read(self._file, 0, self._size)
        if not amr.survey(data).has_pauses:
            return self._by_ffmpeg(path)
        from calls_adapters.audio.dtx import DtxSource  # noqa: PLC0415 (WAV files get by without PyAV)

        return DtxSource(data)

    def _too_long(self) -> AudioTooLong:
        return AudioTooLong(f"The audio is longer than the {self._max_duration_sec:g} seconds that are accepted.")

    def _by_ffmpeg(self, path: str) -> Source:
        from calls_adapters.audio.ffmpeg import FfmpegSource  # noqa: PLC0415 (WAV files get by without PyAV)

        demuxer, start = self._container
        if demuxer != "ogg":
            return FfmpegSource(path, demuxer, [(start, self._size)])
        links = ogg.links(self._file, start, self._size)
        return FfmpegSource(path, demuxer, links, tells_time=all(ogg.tells_time(self._file, *link) for link in links))


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
