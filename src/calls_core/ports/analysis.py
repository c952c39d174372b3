"""Decoding audio and finding things out about it."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from calls_core.errors import Reason
from calls_core.findings import Finding
from calls_core.recording import CallId, StepPlan


class DecodedAudio(Protocol):
    """Samples on their way out of the decoder: iterate once.

    Every item has one ``bytes`` per channel, equally long, of signed 16-bit samples in native byte order; no more than
    about four seconds at a time. *caveat* is set after the last item, when only a part could be decoded.
    """

    codec: str
    channels: int
    sample_rate_hz: int
    caveat: Reason | None

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]: ...


class AudioDecoder(Protocol):
    """Turns untrusted audio into samples, in a child process with limits of its own."""

    @abstractmethod
    def decode(
        self, path: Path, filename: str, *, sample_rate_hz: int | None = None
    ) -> AbstractAsyncContextManager[DecodedAudio]:
        """Decode the file at *path*; *filename* only helps with headerless formats. *sample_rate_hz* resamples.

        Raises (on enter or while iterating):
            AudioRefused: it cannot be decoded, and never will be.
            DecoderDied: the child process crashed.
        """


class Parts(Protocol):
    """What one step has paid for or waits for, by keys of its own, from one attempt to the next.

    It outlives the worker, and is gone when the finding of the step is stored. Any method may raise
    ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """Return what is kept under *key*; None when there is nothing."""

    @abstractmethod
    async def keep(self, key: str, content: bytes) -> None:
        """Keep *content*, durably, in place of what was there.

        Raises:
            LeaseLost: another worker has the recording by now; end the attempt.
        """

    @abstractmethod
    async def drop(self, key: str) -> None:
        """Forget what is kept under *key*; raise as ``keep`` does."""


@dataclass(frozen=True, slots=True)
class Scratch(Parts):
    """Parts that end with the process, for recordings that are stored nowhere."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def keep(self, key: str, content: bytes) -> None:
        self.kept[key] = content

    async def drop(self, key: str) -> None:
        self.kept.pop(key, None)


class Outside(Protocol):
    """Addresses under which a service elsewhere reaches one recording: unguessable, and good for whoever has them."""

    call_id: CallId
    lifetime: timedelta

    @abstractmethod
    async def audio_url(self) -> str:
        """Return where the audio can be fetched from for *lifetime* from now."""

    @abstractmethod
    def callback_url(self, key: str) -> str:
        """Return where the answer can be sent to that the step keeps a place for, an empty part under *key*."""


class AnswerReader(Protocol):
    """Knows the answers of the service that the analyzer ``ai`` waits for."""

    @abstractmethod
    def is_final(self, content: bytes) -> bool:
        """Tell whether *content* is an answer, and not only a word about how far it is.

        Raises:
            AiAnswerInvalid: it is neither.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """A recording's audio, lent to one analyzer for one attempt.

    *path* holds the untouched bytes as they came from a stranger: decode them with ``decoded()``, which does it in a
    limited child process. *findings* are those of the steps before, by analyzer. Call ``progress`` with a number
    from 0 to 1 now and then on long work. *parts* keep what has cost money before the finding is made.
    *outside* is None where nobody else can reach the recording.
    """

    path: Path
    filename: str
    decoder: AudioDecoder
    findings: Mapping[str, Finding] = field(default_factory=dict)
    progress: Callable[[float], None] = lambda _share: None
    parts: Parts = field(default_factory=Scratch)
    outside: Outside | None = None

    def decoded(self, *, sample_rate_hz: int | None = None) -> AbstractAsyncContextManager[DecodedAudio]:
        """Lend the decoded samples: ``async with audio.decoded() as samples: async for block in samples``."""
        return self.decoder.decode(self.path, self.filename, sample_rate_hz=sample_rate_hz)


class Analyzer(Protocol):
    """Finds out something about a recording. Plugins need not inherit from this.

    *name* is unique, lower case, and names the step; *version* is stored with each finding; *after* names the analyzers
    whose findings it wants in ``audio.findings``. It may have more attributes: where *reads_audio* is false it is lent
    no file; where *derived* is true it is made of findings alone, and runs again whenever one that it comes after does;
    where *tolerant* is true it runs on what findings there are, although one that it comes after has failed.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def after(self) -> Sequence[str]: ...

    def analyze(self, audio: Audio) -> Awaitable[Finding]:
        """Return what was found. Must not block the event loop: give heavy work to a process or a thread.

        Raise ``AudioRefused`` when no retry can help; ``Unavailable`` when something outside is down, which is retried
        until the deadline; anything else counts as an attempt.
        """


@dataclass(frozen=True, slots=True)
class Analyzers:
    """The analyzers that this process runs, in the order of ``ANALYZERS``."""

    ordered: tuple[Analyzer, ...]

    @property
    def plan(self) -> tuple[StepPlan, ...]:
        return tuple(
            StepPlan(
                analyzer=a.name, version=a.version, after=tuple(a.after), derived=bool(getattr(a, "derived", False))
            )
            for a in self.ordered
        )

    @property
    def tolerant(self) -> frozenset[str]:
        """The names of those that run on what findings there are."""
        return frozenset(a.name for a in self.ordered if getattr(a, "tolerant", False))

    def reads_audio(self, name: str) -> bool:
        """Whether the analyzer wants the file at ``audio.path``; so does whoever does not say."""
        return bool(getattr(self.get(name), "reads_audio", True))

    def get(self, name: str) -> Analyzer | None:
        return next((analyzer for analyzer in self.ordered if analyzer.name == name), None)
