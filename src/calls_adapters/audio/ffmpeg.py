"""Decodes with FFmpeg's libraries through PyAV."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import av
import numpy as np
from av.filter import Graph

from calls_adapters.audio.source import Samples, Source, check_shape, planar, regrouped
from calls_core.errors import NoAudioStream, NotAudio

# Interleaved, because PyAV reads past the end of frames with eight planes.
_FORMAT: Final = "s16"

# Containers that carry timestamps. Where these run backwards or leap, as in files that were joined, go on from the end
# of the frame before (variable 1) by an offset (0): a filter that believed them would leave the second file out.
_STAMPED: Final = frozenset({"asf", "flac", "matroska", "ogg"})
_LONGEST_GAP_SEC: Final = 300
_HOPELESS: Final = 50_000

# Up to version 18, PyAV refuses a file for a tag that is not UTF-8; later ones no longer ask.
_TOLERANT: Final[Mapping[str, Any]] = {} if int(av.__version__.split(".")[0]) > 18 else {"metadata_errors": "replace"}
_STEADY: Final = (
    "st(2, PTS + ld(0));"
    f"if(gt(ld(1), 0) * (lt(ld(2), ld(1) - 0.1 / TB) + gt(ld(2), ld(1) + {_LONGEST_GAP_SEC} / TB)),"
    " st(0, ld(1) - PTS); st(2, ld(1)));"
    "st(1, ld(2) + NB_SAMPLES / SR / TB);"
    "ld(2)"
)


class FfmpegSource(Source):
    """Decodes the *links* of the file at *path*, each from one byte to another, one after the other.

    They are what *demuxer* says: FFmpeg does not guess, opens no other file and speaks no protocol but ``file``. A
    filter graph reads, decodes and regroups in C, so that Python sees one frame per chunk. ``aresample=async=1`` fills
    the gaps that damage leaves, so that later times stay true.

    *tells_time*: its timestamps are known to run as its samples do, so that nobody has to look at each of them.
    """

    def __init__(self, path: str, demuxer: str, links: Sequence[tuple[int, int]], *, tells_time: bool = False) -> None:
        """Raises ``NotAudio``, ``NoAudioStream`` or ``AudioTooComplex``, by the first link."""
        # FFmpeg's complaints are counted, not printed.
        logging.disable()
        av.logging.set_level(av.logging.ERROR)
        self._urls = [f"subfile,,start,{start},end,{end},,:{path}" for start, end in links]
        self._demuxer = demuxer
        self._steadied = demuxer in _STAMPED and not tells_time
        self._options = {"protocol_whitelist": "subfile,file", "format_whitelist": demuxer}
        self._complaints_before = _complaints()
        self._raised = 0
        self._last_error: av.error.FFmpegError | None = None
        self.skipped = 0
        with _refusals(), self._opened(self._urls[0]) as file:
            stream = _audio_stream(file)
            context = stream.codec_context
            if context is None:  # PyAV's types do not tell that it may be
                raise NotAudio("Its header names a codec that nobody knows.")
            self.codec = context.codec.canonical_name
            self.channels = context.layout.nb_channels
            self.sample_rate_hz = context.sample_rate
            self._layout = context.layout.name
            length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        check_shape(self.channels, self.sample_rate_hz)
        self.expected_frames = int(length * self.sample_rate_hz) * len(links)

    def chunks(self, frames: int) -> Iterator[Samples]:
        found = False
        for chunk in self._joined(frames) if len(self._urls) > 1 else self._link(self._urls[0], frames):
            found = True
            yield chunk
        # Some errors are raised, and others, such as pages that are left out, are only in the log.
        self.skipped = max(self._raised, _complaints() - self._complaints_before)
        if self._last_error and not found:
            with _refusals():
                raise self._last_error

    def _joined(self, frames: int) -> Iterator[Samples]:
        return regrouped((chunk for url in self._urls for chunk in self._link(url, frames)), frames)

    def _link(self, url: str, frames: int) -> Iterator[Samples]:
        try:
            yield from self._by_either(url, frames)
        except av.error.FFmpegError as error:
            self._skip(error)

    def _by_either(self, url: str, frames: int) -> Iterator[Samples]:
        done = 0
        try:
            for chunk in self._by_graph(url, frames):
                yield chunk
                done += chunk.shape[1]
        except av.error.PatchWelcomeError:
            # Channels or sample rate change on the way, which a graph cannot take. Begin again, more slowly.
            self._raised = 0
            self._complaints_before = _complaints()
            yield from regrouped(_without(self._by_packet(url), done), frames)

    def _opened(self, url: str) -> av.container.InputContainer:
        file: av.container.InputContainer = av.open(url, format=self._demuxer, options=self._options, **_TOLERANT)
        return file

    def _by_graph(self, url: str, frames: int) -> Iterator[Samples]:
        graph = Graph()
        graph.threads = 1
        movie = graph.add(
            "amovie",
            filename=url,
            format_name=self._demuxer,
            format_opts=":".join(f"{name}={value}" for name, value in self._options.items()),
            dec_threads="1",
        )
        shape = {"sample_fmts": _FORMAT, "sample_rates": str(self.sample_rate_hz)}
        if len(self._urls) > 1:
            shape["channel_layouts"] = self._layout
        steps = [
            graph.add("aresample", "async=1"),
            graph.add("aformat", **shape),
            graph.add("asetnsamples", n=str(frames), p="0"),
        ]
        if self._steadied:
            steps.insert(0, graph.add("asetpts", expr=_STEADY))
        sink = graph.add("abuffersink")
        graph.link_nodes(movie, *steps, sink).configure()
        in_a_row = 0
        while True:
            try:
                frame = sink.pull()
                in_a_row = 0
                yield _planes(frame)
            except (EOFError, av.error.EOFError):
                return
            except av.error.InvalidDataError as error:
                in_a_row += 1
                if in_a_row > _HOPELESS:
                    raise
                self._skip(error)

    def _by_packet(self, url: str) -> Iterator[Samples]:
        with self._opened(url) as file:
            stream = _audio_stream(file)
            stream.codec_context.thread_count = 1
            resampler = av.AudioResampler(_FORMAT, self._layout, self.sample_rate_hz)
            shape = None
            for packet in file.demux(stream):
                try:
                    decoded = packet.decode()
                except (av.error.InvalidDataError, av.error.PatchWelcomeError) as error:
                    self._skip(error)
                    continue
                for frame in decoded:
                    found = (frame.format.name, frame.layout.name, frame.sample_rate)
                    if shape not in {None, found}:
                        yield from map(_planes, resampler.resample(None))
                        resampler = av.AudioResampler(_FORMAT, self._layout, self.sample_rate_hz)
                    shape = found
                    frame.pts = None
                    yield from map(_planes, resampler.resample(frame))
            yield from map(_planes, resampler.resample(None))

    def _skip(self, error: av.error.FFmpegError) -> None:
        if isinstance(error, MemoryError):
            raise error
        self._raised += 1
        self._last_error = error


def resampled(chunks: Iterator[Samples], channels: int, rate: int, wanted: int) -> Iterator[Samples]:
    """Change the sample rate of *chunks* from *rate* to *wanted*."""
    layout = av.AudioLayout(f"{channels}c").name
    resampler = av.AudioResampler(_FORMAT, layout, wanted)
    for chunk in chunks:
        frame = av.AudioFrame.from_ndarray(chunk.T.reshape(1, -1), format=_FORMAT, layout=layout)
        frame.sample_rate = rate
        yield from map(_planes, resampler.resample(frame))
    yield from map(_planes, resampler.resample(None))


def _audio_stream(file: av.container.InputContainer) -> av.AudioStream:
    stream = file.streams.best("audio")
    if not isinstance(stream, av.AudioStream):
        raise NoAudioStream("The file has no audio in it.")
    return stream


def _planes(frame: av.frame.Frame) -> Samples:
    assert isinstance(frame, av.AudioFrame)  # noqa: S101 (the graph has no other)
    channels = frame.layout.nb_channels
    return planar(np.frombuffer(memoryview(frame.planes[0]), np.int16, frame.samples * channels), channels)


def _without(pieces: Iterator[Samples], frames: int) -> Iterator[Samples]:
    """Leave the first *frames* frames out."""
    for piece in pieces:
        if frames < piece.shape[1]:
            yield piece[:, frames:]
        frames = max(0, frames - piece.shape[1])


def _complaints() -> int:
    count, _ = av.logging.get_last_error()
    return count


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell what FFmpeg makes of the file from what goes wrong around it."""
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        raise NotAudio(f"The file cannot be decoded: {error.strerror or error}.") from error
