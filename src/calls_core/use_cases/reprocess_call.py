"""Processing a recording once more."""

from collections.abc import Sequence
from dataclasses import dataclass

from calls_core.call import Call
from calls_core.job import Job
from calls_core.ports import Analyzers, CallRepository, Clock, NewId, Receipting, Telemetry, WakeUps
from calls_core.recording import CallId


@dataclass(frozen=True, slots=True)
class ReprocessCall:
    """Run steps of a recording again: those that failed or are new, or the ones named."""

    calls: CallRepository
    analyzers: Analyzers
    wake_ups: WakeUps
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(
        self,
        call_id: CallId,
        analyzers: Sequence[str] = (),
        *,
        force: bool = False,
        receipting: Receipting[Call] | None = None,
    ) -> Call:
        """Return the call, processing. Steps that are done run again only with *force*; their findings stay till then.

        Raises:
            CallNotFound, RecordingNotFound: there is nothing to process.
            AudioExpired: the audio was too old to be kept.
            StillProcessing: it is being processed.
            IdempotencyKeyInUse: the claim in the receipt was lost.
            UnknownAnalyzer: a name is neither a step of the recording nor configured.
        """
        now = self.clock()
        call = (await self.calls.get(call_id)).begin_processing(now)
        found = await self.calls.recording(call_id)
        found.require_audio()
        recording = found.reset(self.analyzers.plan, analyzers, now, force=force)
        job = Job.new(self.new_id(), call_id, now, traceparent=self.telemetry.traceparent())
        await self.calls.reprocess(call, recording, job, [], receipting(call) if receipting else None)
        await self.wake_ups.wake(job.id)
        return call
