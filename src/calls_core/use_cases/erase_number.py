"""Everything that is known of a telephone number goes, with a receipt."""

import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from calls_core.audit import Action, Actor
from calls_core.call import Call, CallDetails
from calls_core.errors import CallNotFound, CallOnHold, FieldError, InvalidInput, RecordingNotFound
from calls_core.governance import ErasedCall, Erasure, ErasureId, ErasureOutcome
from calls_core.hearing import Hears
from calls_core.ports import CallRepository, Clock, Erasures, NewId, Receipting, Uploads
from calls_core.search import MIN_QUERY, CallFilter, normalized
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.keep_audit import KeepAudit
from calls_core.use_cases.read_calls import ExportCalls

_log = logging.getLogger("calls.erase")


@dataclass(frozen=True, slots=True)
class EraseNumber:
    """Order the erasure of a number; the housekeeping does the work, whoever dies meanwhile."""

    erasures: Erasures
    calls: CallRepository
    uploads: Uploads
    found: ExportCalls
    erase: EraseCall
    audit: KeepAudit
    clock: Clock
    new_id: NewId

    async def order(self, number: str, by: Actor, receipting: Receipting[Erasure] | None = None) -> Erasure:
        """Store the order and return it.

        Raises:
            InvalidInput: the number is none.
            IdempotencyKeyInUse: the claim in the receipt was lost.
        """
        erasure = self._erasure(number, by)
        told = {"erasure": str(erasure.id), "number_sha256": erasure.number_sha256}
        await self.audit(Action.ERASURE_ORDERED, by, details=told)
        await self.erasures.add(erasure, receipting(erasure) if receipting else None)
        return erasure

    async def preview(self, number: str, by: Actor) -> Erasure:
        """Return what the order would do, without doing it."""
        erasure = self._erasure(number, by)
        lines = [await self._line(call) async for call in self._calls_of(erasure)]
        return replace(erasure, calls=tuple(lines))

    async def __call__(self) -> int:
        """Work off all orders; return how many were finished. Another copy may do the same at the same time."""
        done = 0
        for erasure in await self.erasures.unfinished():
            await self._erase_all(erasure)
            done += 1
        return done

    async def _erase_all(self, erasure: Erasure) -> None:
        await self._resolve(erasure)
        await self._end_uploads(erasure)
        async for call in self._calls_of(erasure):
            line = await self._line(call)
            # The line first: whatever dies after it, the receipt knows of the call and its hash.
            await self.erasures.note(erasure.id, line)
            if line.outcome is ErasureOutcome.HELD:
                continue
            await self.erasures.note(erasure.id, await self._erased(erasure, line))
        await self.erasures.finish(erasure.id, self.clock())
        _log.info("erasure %s is done", erasure.id)

    async def _resolve(self, erasure: Erasure) -> None:
        """Tell of lines whose worker died whether their calls are gone."""
        for line in erasure.calls:
            if line.outcome is not ErasureOutcome.PLANNED:
                continue
            try:
                await self.calls.get(line.call_id)
            except CallNotFound:
                await self.erasures.note(erasure.id, replace(line, outcome=ErasureOutcome.ERASED, at=self.clock()))

    async def _erased(self, erasure: Erasure, line: ErasedCall) -> ErasedCall:
        outcome = ErasureOutcome.ERASED
        try:
            await self.erase(line.call_id, Actor(id=erasure.by_id, name=erasure.by_name))
        except CallOnHold:
            outcome = ErasureOutcome.HELD
        except CallNotFound:
            pass
        return replace(line, outcome=outcome, at=self.clock())

    async def _calls_of(self, erasure: Erasure) -> AsyncIterator[Call]:
        async for call in self.found(CallFilter(query=erasure.number), Hears.ORIGINAL):
            if erasure.number in _numbers(call.details):
                yield call

    async def _end_uploads(self, erasure: Erasure) -> None:
        for upload in await self.uploads.unfinished():
            if upload.details is not None and erasure.number in _numbers(upload.details):
                await self.uploads.remove(upload)

    async def _line(self, call: Call) -> ErasedCall:
        outcome = ErasureOutcome.HELD if call.hold else ErasureOutcome.PLANNED
        line = ErasedCall(call_id=call.id, outcome=outcome, at=self.clock())
        try:
            recording = await self.calls.recording(call.id)
        except (CallNotFound, RecordingNotFound):
            return line
        return replace(line, sha256=recording.sha256, size_bytes=recording.size_bytes)

    def _erasure(self, number: str, by: Actor) -> Erasure:
        text = _bare(number)
        if len(text) < MIN_QUERY or not text.isprintable():
            why = f"must have at least {MIN_QUERY} characters that count, and no control characters"
            raise InvalidInput(f"number: {why}", [FieldError("/number", why)])
        return Erasure(
            id=ErasureId(self.new_id()),
            number=text,
            number_sha256=hashlib.sha256(normalized(number).encode()).hexdigest(),
            by_id=by.id,
            by_name=by.name,
            created_at=self.clock(),
        )


def _numbers(details: CallDetails) -> set[str]:
    return {_bare(details.caller), _bare(details.receiver)}


def _bare(number: str) -> str:
    """Telephone systems write one number with its plus and without."""
    return normalized(number).removeprefix("+")
