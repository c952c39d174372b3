"""What every analyzer must keep to, as tests that pytest collects from a subclass."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Final

from calls_core.errors import AudioRefused, CallsError, DecoderDied, NotAudio, Reason
from calls_core.findings import Finding, faults
from calls_core.ports import Analyzer, Audio
from calls_core.testing.judging import alike, longest_hold, require
from calls_core.testing.lending import FakeDecoder, lent
from calls_core.testing.sounds import Sound, silence, speech_like, stereo, tone

NAME: Final = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
NAME_LIMIT: Final = 64
CUT: Final = Reason("truncated", "the file ends in the middle")
ODD_BLOCK_SEC: Final = 0.0371
LONG_SEC: Final = 60.0
TRIES: Final = 8


class AnalyzerContract:
    """Subclass it under a name that begins with ``Test`` and say what ``analyzer`` is: pytest runs the rest.

    Every test method runs an event loop of its own, and needs no plugin of pytest. An analyzer that builds on others
    overrides ``findings`` too. What is promised to whom is told by the docstrings of the tests.
    """

    limit_sec: ClassVar[float] = 60.0
    """How long one of these short sounds may take."""
    hold_limit_sec: ClassVar[float] = 0.25
    """How long the event loop may stand still; another recording's lease is kept alive by the same loop."""
    cancel_limit_sec: ClassVar[float] = 5.0
    """How soon after it is cancelled an analysis must have ended."""
    tolerance: ClassVar[float] = 0.001
    """How far numbers may differ between blocks of one size and of another."""

    def analyzer(self) -> Analyzer:
        """Return a new analyzer, in the settings to be tested."""
        raise NotImplementedError("say in your subclass which analyzer is tested")

    def findings(self, sound: Sound) -> Mapping[str, Finding]:
        """Return what the analyzers that yours is ``after`` would have found in *sound*."""
        del sound
        return {}

    def test_it_has_a_name(self) -> None:
        """It names the step and stands in ``ANALYZERS``: lower case, digits, and single hyphens or underscores."""
        name = self.analyzer().name
        require(bool(NAME.fullmatch(name)) and len(name) <= NAME_LIMIT, f"{name!r} is no name for an analyzer")

    def test_it_has_a_version(self) -> None:
        """It is stored with every finding, so that old findings can be told from new ones."""
        version: object = self.analyzer().version
        require(isinstance(version, str) and version.strip() != "", f"{version!r} is no version")

    def test_it_names_what_it_builds_on(self) -> None:
        """*after* is a sequence of other analyzers' names, not one string."""
        analyzer = self.analyzer()
        after: object = analyzer.after
        require(isinstance(after, Sequence) and not isinstance(after, str), f"after must be a tuple, not {after!r}")
        require(all(NAME.fullmatch(name) for name in analyzer.after), f"{after!r} holds what is no analyzer's name")
        require(analyzer.name not in analyzer.after, "it cannot build on itself")
        require(len(set(analyzer.after)) == len(analyzer.after), "after names an analyzer twice")

    def test_silence(self) -> None:
        """Nothing but zeros gives a finding that can be stored: no logarithm of nothing, no division by it."""
        self._found(silence(2.0))

    def test_speech(self) -> None:
        """A voice in one channel gives a finding that can be stored."""
        self._found(speech_like(4.0))

    def test_two_channels(self) -> None:
        """So do two sides of a call, one of them silent and shorter."""
        self._found(stereo(speech_like(4.0), silence(1.0)))

    def test_full_scale(self) -> None:
        """So does the loudest there can be: the magnitude of -32,768 does not fit into 16 bits."""
        self._found(tone(1.0, dbfs=6.0))

    def test_other_sample_rates(self) -> None:
        """So do other rates than that of a telephone."""
        for sample_rate_hz in (16_000, 48_000):
            self._found(tone(1.0, sample_rate_hz=sample_rate_hz))

    def test_hardly_any_audio(self) -> None:
        """One sample, or none at all, gives a finding or is refused as audio."""
        for sound in (tone(1 / 8_000), silence(0.0)):
            with suppress(AudioRefused):
                self._found(sound)

    def test_cut_audio(self) -> None:
        """What could not be decoded limits the finding too: it has the samples' caveat, or one of its own."""
        decoder = FakeDecoder(speech_like(4.0), caveat=CUT)
        finding = self._found(decoder.sound, decoder)
        passed = finding.caveat is not None or not decoder.read_out
        require(passed, "the finding must have samples.caveat as its caveat, read after the last block")

    def test_refused_audio(self) -> None:
        """What the decoder raises comes through: a damaged file is not tried again, a decoder that died is."""
        for error in (NotAudio("no audio"), DecoderDied("killed")):
            decoder = FakeDecoder(speech_like(4.0), refusal=error)
            try:
                self._found(decoder.sound, decoder)
            except type(error):
                continue
            require(not decoder.lent, f"it must let {type(error).__name__} of the decoder through")

    def test_it_finds_the_same_again(self) -> None:
        """The same audio gives the same finding: from a new analyzer, and from one that has worked before."""
        sound = stereo(speech_like(4.0), tone(3.0))
        analyzer = self.analyzer()
        first = self._found(sound, analyzer=analyzer)
        self._found(tone(1.0), analyzer=analyzer)
        for other in (analyzer, self.analyzer()):
            again = self._found(sound, analyzer=other)
            require(again == first, f"it found {first} and then, in the same audio, {again}")

    def test_the_size_of_blocks_does_not_matter(self) -> None:
        """Blocks come as the decoder has them: what lies across two of them is found as well."""
        sound = stereo(speech_like(4.0), tone(3.0))
        whole = self._found(sound)
        pieces = self._found(sound, FakeDecoder(sound, block_sec=ODD_BLOCK_SEC))
        require(alike(whole, pieces, self.tolerance), f"it found {whole}, and in smaller blocks {pieces}")

    def test_two_recordings_at_once(self) -> None:
        """One analyzer works for many recordings at the same time: it keeps nothing of one that another could meet."""
        sounds = (stereo(speech_like(4.0), tone(3.0)), silence(2.0) + tone(2.0))
        analyzer = self.analyzer()
        alone = [self._found(sound, analyzer=analyzer) for sound in sounds]

        async def both() -> Sequence[Finding]:
            decoders = (FakeDecoder(sound, block_sec=0.5) for sound in sounds)
            return await asyncio.gather(
                *(self._analyzed(analyzer, self._lent(decoder, folder)) for decoder in decoders)
            )

        with TemporaryDirectory() as name:
            folder = Path(name)
            together = asyncio.run(both())
        for one, other in zip(alone, together, strict=True):
            require(alike(one, other, self.tolerance), f"alone it found {one}, beside another recording {other}")

    def test_findings_of_others_are_left_alone(self) -> None:
        """What earlier steps found is read and never changed."""
        sound = speech_like(4.0)
        findings = dict(self.findings(sound))
        before = deepcopy(findings)
        self._found(sound, findings=findings)
        require(findings == before, "it changed a finding of another analyzer")

    def test_findings_of_others_may_be_missing(self) -> None:
        """An analyzer that is not in ``ANALYZERS`` finds nothing: that is borne, or told by an error of calls_core."""
        with suppress(CallsError):
            self._found(speech_like(4.0), findings={})

    def test_progress(self) -> None:
        """What it tells of its progress lies between 0 and 1."""
        told: list[float] = []
        decoder = FakeDecoder(speech_like(LONG_SEC))
        with TemporaryDirectory() as folder:
            audio = self._lent(decoder, Path(folder), told)
            asyncio.run(self._analyzed(self.analyzer(), audio))
        require(all(0 <= share <= 1 for share in told), f"progress must be from 0 to 1: {told}")

    def test_the_event_loop_is_not_held(self) -> None:
        """Heavy work is done in a thread or a process, because leases and other recordings wait for the same loop."""
        sound = stereo(speech_like(LONG_SEC), tone(1.0))
        holds = []
        with TemporaryDirectory() as folder:
            for _ in range(TRIES):  # a busy machine holds it now and then, an analyzer always
                audio = self._lent(FakeDecoder(sound), Path(folder))
                holds.append(asyncio.run(longest_hold(self._analyzed(self.analyzer(), audio))))
                if holds[-1] <= self.hold_limit_sec:
                    return
        require(ok=False, otherwise=f"it held the event loop for {min(holds):.2f} s; await asyncio.to_thread(...)")

    def test_it_can_be_cancelled(self) -> None:
        """A worker that is told to end cancels its steps: the analysis ends at once and gives the samples back."""
        decoder = FakeDecoder(speech_like(LONG_SEC), stalls=True)

        async def cancelled() -> None:
            analysis = asyncio.ensure_future(self.analyzer().analyze(audio))
            stalled = asyncio.ensure_future(decoder.stalled.wait())
            await asyncio.wait((analysis, stalled), timeout=self.limit_sec, return_when=asyncio.FIRST_COMPLETED)
            stalled.cancel()
            if analysis.done():
                return
            analysis.cancel()
            await asyncio.wait((analysis,), timeout=self.cancel_limit_sec)
            require(analysis.done(), f"it did not end within {self.cancel_limit_sec} s")
            require(analysis.cancelled(), "it must let CancelledError through")
            require(decoder.open == 0, "it must give the samples back: use `async with audio.decoded()`")

        with TemporaryDirectory() as folder:
            audio = self._lent(decoder, Path(folder))
            asyncio.run(cancelled())

    def _found(
        self,
        sound: Sound,
        decoder: FakeDecoder | None = None,
        *,
        analyzer: Analyzer | None = None,
        findings: Mapping[str, Finding] | None = None,
    ) -> Finding:
        """Return what is found in *sound*, which can be stored."""
        with TemporaryDirectory() as folder:
            audio = self._lent(decoder or FakeDecoder(sound), Path(folder), findings=findings)
            return asyncio.run(self._analyzed(analyzer or self.analyzer(), audio))

    def _lent(
        self,
        decoder: FakeDecoder,
        folder: Path,
        told: list[float] | None = None,
        findings: Mapping[str, Finding] | None = None,
    ) -> Audio:
        path = decoder.sound.write_wav(folder / f"{id(decoder)}.wav")
        earlier = self.findings(decoder.sound) if findings is None else findings
        return lent(decoder, findings=earlier, path=path, progress=(told if told is not None else []).append)

    async def _analyzed(self, analyzer: Analyzer, audio: Audio) -> Finding:
        limit = asyncio.timeout(self.limit_sec)
        try:
            async with limit:
                finding: object = await analyzer.analyze(audio)
        except TimeoutError:
            require(not limit.expired(), f"it did not end within {self.limit_sec} s")
            raise
        if not isinstance(finding, Finding):
            raise AssertionError(f"it returned {type(finding).__name__}: return Facts, Transcript, Signal or Redaction")  # noqa: TRY004
        for fault in faults(finding):
            require(ok=False, otherwise=f"its finding cannot be stored: {fault}")
        return finding
