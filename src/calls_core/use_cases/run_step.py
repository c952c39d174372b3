"""One analyzer, over one recording, once."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

from calls_core.errors import (
    AiRefused,
    AnalysisFailed,
    AnalyzerCrashed,
    AnalyzerMissing,
    AnswerAwaited,
    AudioRefused,
    LeaseLost,
    NeedsFailedStep,
    Reason,
    StepTimedOut,
    Unavailable,
)
from calls_core.findings import Finding, faults
from calls_core.ports import Analyzer, Analyzers, Audio, AudioDecoder, Outside, Parts, Scratch
from calls_core.recording import Step

STEP_LIMIT: Final = timedelta(hours=1)
DETAIL_LIMIT: Final = 500

_log = logging.getLogger("calls.step")


@dataclass(frozen=True, slots=True)
class Failed:
    """The step cannot succeed: another attempt would end the same way."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Retry:
    """The step may succeed next time. *outage* tells that something outside was down, which is nobody's failure.

    *retry_after* is how long that has asked to be left alone. A step that waits for an answer from outside names the
    part that will hold it in *awaiting*, and in *retry_after* when to look again.
    """

    reason: Reason
    outage: bool
    retry_after: timedelta | None = None
    awaiting: str | None = None


Outcome: TypeAlias = Finding | Failed | Retry


@dataclass(frozen=True, slots=True)
class RunStep:
    """Turn whatever an analyzer does into an outcome: a plugin's error, even ``SystemExit``, never ends a worker."""

    analyzers: Analyzers
    decoder: AudioDecoder

    async def __call__(
        self,
        step: Step,
        path: Path,
        filename: str,
        findings: Mapping[str, Finding],
        progress: Callable[[float], None] = lambda _share: None,
        parts: Parts | None = None,
        outside: Outside | None = None,
    ) -> Outcome:
        """Return the finding, or why there is none. Without *parts*, what the analyzer keeps ends with this attempt.

        Raises:
            LeaseLost: nothing of this attempt may be kept.
        """
        analyzer = self.analyzers.get(step.analyzer)
        if analyzer is None:
            missing = AnalyzerMissing(f"{step.analyzer} is not among ANALYZERS of this worker; add it and reprocess")
            return Failed(missing.reason)
        audio = Audio(
            path=path,
            filename=filename,
            decoder=self.decoder,
            findings=findings,
            progress=progress,
            parts=parts or Scratch(),
            outside=outside,
        )
        try:
            return await self._limited(analyzer, audio)
        except LeaseLost:
            raise
        except (AudioRefused, AiRefused, NeedsFailedStep) as error:
            return Failed(error.reason)
        except (AnswerAwaited, Unavailable, AnalysisFailed) as error:
            return _another_time(error)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return Retry(_crash(error), outage=False)  # nobody cancelled us: something of the plugin's own was
        except (Exception, SystemExit, GeneratorExit, BaseExceptionGroup) as error:  # noqa: BLE001 (plugins raise anything)
            _log.exception("analyzer %s crashed", step.analyzer)
            return Retry(_crash(error), outage=False)

    async def _limited(self, analyzer: Analyzer, audio: Audio) -> Finding:
        limit = asyncio.timeout(STEP_LIMIT.total_seconds())
        try:
            async with limit:
                finding: object = await analyzer.analyze(audio)
        except TimeoutError as error:
            if not limit.expired():
                raise
            msg = f"no result within {STEP_LIMIT}"
            raise StepTimedOut(msg) from error
        if not isinstance(finding, Finding):
            msg = f"it returned {type(finding).__name__} and not a finding; its author must mend it"
            raise AnalyzerCrashed(msg)
        if fault := next(faults(finding), None):
            msg = f"its finding cannot be stored: {fault}; its author must mend it"
            raise AnalyzerCrashed(msg)
        return finding


def _another_time(error: AnswerAwaited | Unavailable | AnalysisFailed) -> Retry:
    match error:
        case AnswerAwaited():
            return Retry(error.reason, outage=True, retry_after=error.look_again_after, awaiting=error.key)
        case Unavailable():
            return Retry(error.reason, outage=True, retry_after=error.retry_after)
        case _:
            return Retry(error.reason, outage=False)


def _crash(error: BaseException) -> Reason:
    return AnalyzerCrashed(f"{type(error).__name__}: {error}"[:DETAIL_LIMIT]).reason
