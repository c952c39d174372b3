"""Legal holds and erasures on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from calls_core import governance as core
from calls_http.wire.exports import CallSelection

Sentence = Annotated[
    str, msgspec.Meta(max_length=core.REASON_LIMIT, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$")
]
Number = Annotated[str, msgspec.Meta(max_length=64)]


class NewLegalHold(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why the call must not be erased."""

    reason: Sentence


class NewLegalHolds(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why the calls that fit the filter must not be erased."""

    filter: CallSelection
    reason: Sentence


class HeldCalls(msgspec.Struct, kw_only=True):
    """How many calls are on hold now because of the request."""

    held: int


class NewErasure(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """*number* as it was dialled or shown; spaces, dashes and brackets do not matter. *dry_run* only tells."""

    number: Number
    dry_run: bool = False


class ErasedCall(msgspec.Struct, kw_only=True):
    """*sha256* and *size_bytes* are those of the audio that there was."""

    call_id: UUID
    outcome: core.ErasureOutcome
    at: datetime
    sha256: str | None
    size_bytes: int | None


class Erasure(msgspec.Struct, kw_only=True):
    """A receipt. The number is not kept, only its hash; *id* is null in a dry run. Calls on a legal hold stay."""

    id: UUID | None
    number_sha256: str
    ordered_by: str
    created_at: datetime
    finished_at: datetime | None
    erased: int
    held: int
    planned: int
    calls: list[ErasedCall]

    @classmethod
    def of(cls, erasure: core.Erasure, *, dry_run: bool = False) -> "Erasure":
        counts = {outcome: sum(line.outcome is outcome for line in erasure.calls) for outcome in core.ErasureOutcome}
        return cls(
            id=None if dry_run else erasure.id,
            number_sha256=erasure.number_sha256,
            ordered_by=erasure.by_name or erasure.by_id,
            created_at=erasure.created_at,
            finished_at=erasure.finished_at,
            erased=counts[core.ErasureOutcome.ERASED],
            held=counts[core.ErasureOutcome.HELD],
            planned=counts[core.ErasureOutcome.PLANNED],
            calls=[
                ErasedCall(
                    call_id=line.call_id,
                    outcome=line.outcome,
                    at=line.at,
                    sha256=line.sha256,
                    size_bytes=line.size_bytes,
                )
                for line in erasure.calls
            ],
        )
