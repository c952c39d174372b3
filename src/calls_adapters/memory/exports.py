"""Exports in memory."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from calls_adapters.memory.database import MemoryDatabase, StoredExport, StoredHold
from calls_core.errors import ExportNotFound, LeaseLost, Reason
from calls_core.exports import BUILD_ATTEMPTS, Archive, Export, ExportClaim, ExportId, ExportState
from calls_core.ports import Clock, Exports, Receipt
from calls_core.recording import CallId


class MemoryExports(Exports):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._stored: dict[ExportId, StoredExport] = database.exports

    async def add(self, export: Export, receipt: Receipt | None = None) -> None:
        self._database.require_claim(receipt)
        self._database.keep_answer(receipt, export.created_at)
        self._stored[export.id] = StoredExport(export, run_at=export.created_at)

    async def get(self, export_id: ExportId) -> Export:
        return self._found(export_id).export

    async def latest(self, limit: int, owner: str | None = None) -> Sequence[Export]:
        exports = (stored.export for stored in self._stored.values())
        fitting = [export for export in exports if owner in {None, export.owner}]
        return sorted(fitting, key=lambda export: export.id, reverse=True)[:limit]

    async def claim(self, worker: str, lease: timedelta) -> ExportClaim | None:
        now = self._clock()
        due = [
            stored
            for stored in self._stored.values()
            if self._is_free(stored, now) and stored.export.attempt < BUILD_ATTEMPTS and stored.export.expires_at > now
        ]
        found = min(due, key=lambda stored: (stored.run_at, stored.export.id), default=None)
        if found is None:
            return None
        found.export = replace(
            found.export,
            state=ExportState.RUNNING,
            attempt=found.export.attempt + 1,
            calls_done=0,
            calls_total=None,
        )
        found.token += 1
        found.lease_owner, found.run_at = worker, now + lease
        return ExportClaim(export=found.export, token=found.token, worker=worker)

    async def renew(self, claim: ExportClaim, lease: timedelta, calls_done: int, calls_total: int | None) -> None:
        stored = self._held(claim)
        stored.run_at = self._clock() + lease
        stored.export = replace(stored.export, calls_done=calls_done, calls_total=calls_total)

    async def enclose(self, claim: ExportClaim, call_ids: Collection[CallId]) -> None:
        self._held(claim).enclosed |= {key for key in call_ids if key in self._database.calls}

    async def finish(self, claim: ExportClaim, archive: Archive, calls_done: int) -> None:
        stored = self._held(claim)
        self._database.require_hold(archive.storage_key)
        del self._database.holds[archive.storage_key]
        stored.export = replace(
            stored.export, state=ExportState.DONE, archive=archive, calls_done=calls_done, calls_total=calls_done
        )

    async def fail(self, claim: ExportClaim, reason: Reason) -> None:
        stored = self._held(claim)
        stored.export = replace(stored.export, state=ExportState.FAILED, failure=reason)

    async def put_back(self, claim: ExportClaim, delay: timedelta, *, burn_attempt: bool) -> None:
        stored = self._held(claim)
        stored.run_at = self._clock() + delay
        attempt = stored.export.attempt - (0 if burn_attempt else 1)
        stored.export = replace(stored.export, state=ExportState.QUEUED, attempt=attempt)

    async def give_up(self, reason: Reason) -> int:
        now = self._clock()
        hopeless = [s for s in self._stored.values() if self._is_free(s, now) and s.export.attempt >= BUILD_ATTEMPTS]
        for stored in hopeless:
            stored.export = replace(stored.export, state=ExportState.FAILED, failure=reason)
        return len(hopeless)

    async def holders(self) -> Collection[str]:
        return {stored.lease_owner for stored in self._running()}

    async def end_leases(self, workers: Collection[str]) -> None:
        for stored in self._running():
            if stored.lease_owner in workers:
                stored.run_at = self._clock()

    async def remove(self, export_id: ExportId) -> None:
        self._remove(self._found(export_id))

    async def remove_expired(self, limit: int) -> int:
        now = self._clock()
        expired = [stored for stored in self._stored.values() if stored.export.expires_at <= now][:limit]
        for stored in expired:
            self._remove(stored)
        return len(expired)

    def _remove(self, stored: StoredExport) -> None:
        del self._stored[stored.export.id]
        if stored.export.archive is not None:
            self._database.holds[stored.export.archive.storage_key] = StoredHold(until=self._clock(), doomed=True)

    def _running(self) -> list[StoredExport]:
        return [stored for stored in self._stored.values() if stored.export.state is ExportState.RUNNING]

    def _found(self, export_id: ExportId) -> StoredExport:
        if export_id not in self._stored:
            raise ExportNotFound(f"there is no export {export_id}; it may have expired")
        return self._stored[export_id]

    def _held(self, claim: ExportClaim) -> StoredExport:
        stored = self._stored.get(claim.export.id)
        if stored is None or stored.token != claim.token or stored.export.state is not ExportState.RUNNING:
            raise LeaseLost(f"export {claim.export.id} is not held by {claim.worker} any more")
        return stored

    @staticmethod
    def _is_free(stored: StoredExport, now: datetime) -> bool:
        return stored.export.state in {ExportState.QUEUED, ExportState.RUNNING} and stored.run_at <= now
