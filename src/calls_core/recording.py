"""The audio of a call, with one step per analyzer."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from calls_core.errors import (
    AnalyzerMissing,
    AudioExpired,
    NeedsFailedStep,
    Reason,
    UnknownAnalyzer,
)
from calls_core.findings import Facts, Finding, Signal, SilenceMark, Transcript

CallId = NewType("CallId", UUID)
RecordingId = NewType("RecordingId", UUID)


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


FINAL_STATUSES: Final = frozenset({StepStatus.DONE, StepStatus.FAILED, StepStatus.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """An analyzer that a new recording shall pass, and the analyzers whose findings it builds on.

    One that is *derived* costs nothing and is made of those findings alone: it runs again whenever one of them does.
    """

    analyzer: str
    version: str
    after: tuple[str, ...] = ()
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One analyzer's run over one recording.

    *error* of a step that is done is the caveat of its finding; of one that is pending, why the last attempt failed.
    """

    analyzer: str
    version: str
    after: tuple[str, ...] = ()
    status: StepStatus = StepStatus.PENDING
    attempts: int = 0
    error: Reason | None = None
    next_attempt_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """Audio that was made from a recording, in the same storage."""

    storage_key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The audio of one call. Immutable: every change returns a new ``Recording``.

    *storage_key* names the bytes in the recording storage and is random; *filename* is what the client called the
    file, cleaned of what would hurt a terminal or a header, and is never a path. *redacted_copy* is silent where not
    everybody may listen. What was *removed* was too old to be kept.
    """

    id: RecordingId
    call_id: CallId
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    storage_key: str
    created_at: datetime
    updated_at: datetime
    steps: tuple[Step, ...] = ()
    findings: Mapping[str, Finding] = field(default_factory=dict)
    redacted_copy: StoredCopy | None = None
    audio_removed_at: datetime | None = None
    transcript_removed_at: datetime | None = None

    def require_audio(self) -> None:
        """Return if the audio is still there.

        Raises:
            AudioExpired: it was too old to be kept.
        """
        if self.audio_removed_at is not None:
            when = f"{self.audio_removed_at:%Y-%m-%d}"
            raise AudioExpired(f"the audio of call {self.call_id} was removed on {when}: it is not kept for longer")

    @property
    def signal(self) -> Signal | None:
        """The physical facts, by whichever analyzer measured them first in the order of steps."""
        return next((f for f in self._ordered_findings() if isinstance(f, Signal)), None)

    @property
    def transcript(self) -> Transcript | None:
        return next((f for f in self._ordered_findings() if isinstance(f, Transcript)), None)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all findings, each once."""
        found = (finding.tags for finding in self._ordered_findings() if isinstance(finding, Facts))
        return tuple(dict.fromkeys(tag for tags in found for tag in tags))

    @property
    def duration_sec(self) -> float | None:
        return self.signal.duration_sec if self.signal else None

    @property
    def silence_marks(self) -> tuple[SilenceMark, ...]:
        return self.signal.silence_marks if self.signal else ()

    @property
    def failure(self) -> Reason | None:
        """Why this recording failed, named by its first failed step; None when no step failed."""
        for step in self.steps:
            if step.status is StepStatus.FAILED and step.error is not None:
                return Reason(step.error.code, f"{step.analyzer}: {step.error.detail}")
        return None

    @property
    def is_finished(self) -> bool:
        return all(step.is_final for step in self.steps)

    def step(self, analyzer: str) -> Step:
        """Return the step of *analyzer*.

        Raises:
            UnknownAnalyzer: the recording has no such step.
        """
        for step in self.steps:
            if step.analyzer == analyzer:
                return step
        msg = f"there is no step {analyzer!r}; this recording has {', '.join(s.analyzer for s in self.steps)}"
        raise UnknownAnalyzer(msg)

    def next_step(self, besides: Collection[str] = ()) -> Step | None:
        """Return the first step that has not ended and whose needs have, leaving out those named in *besides*.

        A step that was running belongs to a worker that died. Needs that this recording does not have hold nothing up.
        """
        final = {step.analyzer for step in self.steps if step.is_final}
        present = {step.analyzer for step in self.steps}
        for step in self.steps:
            if (
                step.analyzer not in final
                and step.analyzer not in besides
                and present.intersection(step.after) <= final
            ):
                return step
        return None

    def begin(self, analyzer: str, now: datetime) -> "Recording":
        """Start a step: one attempt more."""
        step = self.step(analyzer)
        return self._with(
            replace(
                step,
                status=StepStatus.RUNNING,
                attempts=step.attempts + 1,
                started_at=now,
                finished_at=None,
                next_attempt_at=None,
            ),
            now,
        )

    def complete(self, analyzer: str, finding: Finding, now: datetime) -> "Recording":
        """Keep what a step found."""
        step = replace(self.step(analyzer), status=StepStatus.DONE, error=finding.caveat, finished_at=now)
        return replace(self._with(step, now), findings={**self.findings, analyzer: finding})

    def fail(self, analyzer: str, reason: Reason, now: datetime) -> "Recording":
        """End a step without a finding."""
        step = replace(self.step(analyzer), status=StepStatus.FAILED, error=reason, finished_at=now)
        return self._with(replace(step, next_attempt_at=None), now)

    def postpone(self, analyzer: str, reason: Reason, next_attempt_at: datetime, now: datetime) -> "Recording":
        """Put a step back after an attempt that failed."""
        step = replace(self.step(analyzer), status=StepStatus.PENDING, error=reason, next_attempt_at=next_attempt_at)
        return self._with(step, now)

    def wait(self, analyzer: str, reason: Reason, look_again_at: datetime, now: datetime) -> "Recording":
        """Put a step back that waits for somebody outside: looking whether the answer is there is no attempt."""
        step = replace(self.step(analyzer), status=StepStatus.PENDING, error=reason, next_attempt_at=look_again_at)
        return self._with(replace(step, attempts=step.attempts - 1), now)

    def skip_orphans(self, now: datetime, tolerant: Collection[str] = ()) -> "Recording":
        """Skip every step that builds on one which failed or was skipped itself.

        Those that are *tolerant* run on what findings there are.
        """
        changed = self
        for step in self.steps:
            broken = [
                need.analyzer
                for need in changed.steps
                if need.analyzer in step.after and need.status in {StepStatus.FAILED, StepStatus.SKIPPED}
            ]
            if broken and not step.is_final and step.analyzer not in tolerant:
                error = NeedsFailedStep(f"it builds on {', '.join(broken)}, which did not succeed")
                skipped = replace(step, status=StepStatus.SKIPPED, error=error.reason, finished_at=now)
                changed = changed._with(skipped, now)
        return changed

    def fail_unfinished(self, reason: Reason, now: datetime) -> "Recording":
        """Fail every step that is not final, as when its worker is lost for good."""
        changed = self
        for step in self.steps:
            if not step.is_final:
                changed = changed.fail(step.analyzer, reason, now)
        return changed

    def reset(self, plan: Sequence[StepPlan], analyzers: Sequence[str], now: datetime, *, force: bool) -> "Recording":
        """Make steps pending again: those that failed or are new in *plan*, or the named ones.

        A named step that is done runs again only with *force*; *force* without names means all of *plan*. What is
        derived from a step that runs again does so, too. Without
        names, steps of analyzers that are not configured any more keep what they found, or are skipped. Findings of
        steps that run again stay until the new ones replace them.

        Raises:
            UnknownAnalyzer: a name is neither among the steps nor in *plan*.
        """
        present = {step.analyzer for step in self.steps}
        steps = [*self.steps]
        steps += [
            Step(analyzer=p.analyzer, version=p.version, after=p.after) for p in plan if p.analyzer not in present
        ]
        widened = replace(self, steps=tuple(steps), updated_at=now)
        for name in analyzers:
            widened.step(name)
        versions = {p.analyzer: p for p in plan}

        def again(step: Step) -> Step:
            wanted = step.analyzer in analyzers if analyzers else True
            if not wanted or (step.status is StepStatus.DONE and not force):
                return step
            planned = versions.get(step.analyzer)
            if planned is None and not analyzers:
                return step if step.status is StepStatus.DONE else self._retired(step, now)
            plan = planned or StepPlan(analyzer=step.analyzer, version=step.version, after=step.after)
            return Step(analyzer=plan.analyzer, version=plan.version, after=plan.after)

        return replace(widened, steps=_with_derived(tuple(again(step) for step in widened.steps), plan))

    @staticmethod
    def _retired(step: Step, now: datetime) -> Step:
        error = AnalyzerMissing(f"{step.analyzer} is not among ANALYZERS any more")
        return replace(step, status=StepStatus.SKIPPED, error=error.reason, next_attempt_at=None, finished_at=now)

    def _ordered_findings(self) -> Iterator[Finding]:
        return (self.findings[step.analyzer] for step in self.steps if step.analyzer in self.findings)

    def _with(self, changed: Step, now: datetime) -> "Recording":
        steps = tuple(changed if step.analyzer == changed.analyzer else step for step in self.steps)
        return replace(self, steps=steps, updated_at=now)


def _with_derived(steps: tuple[Step, ...], plan: Sequence[StepPlan]) -> tuple[Step, ...]:
    """Return *steps* with those pending again that are derived from one which is."""
    running = {step.analyzer for step in steps if not step.is_final}
    stale = {
        p.analyzer: Step(analyzer=p.analyzer, version=p.version, after=p.after)
        for p in plan
        if p.derived and p.analyzer not in running and running.intersection(p.after)
    }
    return _with_derived(tuple(stale.get(step.analyzer, step) for step in steps), plan) if stale else steps
