"""Exports on the wire."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from calls_core import exports as core
from calls_core.call import CallStatus
from calls_core.errors import FieldError, InvalidQuery
from calls_core.search import DURATION_LIMIT, MIN_QUERY, CallFilter
from calls_http.wire.calls import Moment, Reason

Piece = Annotated[str, msgspec.Meta(extra_json_schema={"extra": {"min_length": MIN_QUERY}})]


class ListFormat(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


Seconds = Annotated[float, msgspec.Meta(ge=0, le=DURATION_LIMIT)]


class CallSelection(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which calls: the filters of the list, by the same names. Without any, all calls."""

    query: Piece | None = None
    status: CallStatus | None = None
    started_from: Moment | None = None
    started_until: Moment | None = None
    tag: str | None = None
    agent: str | None = None
    text: str | None = None
    min_duration: Seconds | None = None
    max_duration: Seconds | None = None

    def checked(self) -> CallFilter:
        """Return the filter; raise ``InvalidQuery`` for what a schema cannot check."""
        try:
            return CallFilter.checked(**msgspec.structs.asdict(self))
        except InvalidQuery as error:
            inside = [FieldError(f"/filter{found.pointer}", found.detail) for found in error.errors]
            raise InvalidQuery(str(error), inside) from error


class NewExport(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """*call_ids* are instead of *filter*. *contents* is what shall lie in the archive, all of it by default."""

    filter: CallSelection | None = None
    call_ids: Annotated[list[UUID], msgspec.Meta(max_length=core.CALL_IDS_LIMIT)] = []
    contents: Annotated[list[core.ExportContent], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: list(core.ExportContent)
    )


class ChosenCalls(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Calls by their ids, and how they shall be written."""

    call_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=core.CALL_IDS_LIMIT)]
    format: ListFormat = ListFormat.CSV


class Export(msgspec.Struct, kw_only=True):
    """*calls_done* of *calls_total* are in the archive; the total is not known before it is begun. When the *state* is
    ``done``, *download* is where the archive is, until *expires_at*; ``failed`` has a *failure*."""

    id: UUID
    state: core.ExportState
    contents: list[core.ExportContent]
    calls_total: int | None
    calls_done: int
    created_at: datetime
    expires_at: datetime
    download: str | None
    size_bytes: int | None
    sha256: str | None
    failure: Reason | None

    @classmethod
    def of(cls, export: core.Export) -> "Export":
        archive = export.archive
        return cls(
            id=export.id,
            state=export.state,
            contents=[content for content in core.ExportContent if content in export.contents],
            calls_total=export.calls_total,
            calls_done=export.calls_done,
            created_at=export.created_at,
            expires_at=export.expires_at,
            download=f"/exports/{export.id}/download" if archive else None,
            size_bytes=archive.size_bytes if archive else None,
            sha256=archive.sha256 if archive else None,
            failure=Reason.of(export.failure),
        )


class ExportList(msgspec.Struct, kw_only=True):
    """Latest first."""

    items: list[Export]

    @classmethod
    def of(cls, exports: Sequence[core.Export]) -> "ExportList":
        return cls(items=[Export.of(export) for export in exports])
