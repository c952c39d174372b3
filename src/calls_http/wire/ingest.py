"""A call with its recording on the wire: fetched by us, or first only asked about."""

from typing import Annotated, Self
from uuid import UUID

import msgspec

from calls_core.use_cases import check_ingest as core
from calls_http.wire.calls import NewCall, WebAddress


class PulledCall(NewCall, kw_only=True, forbid_unknown_fields=True):
    """A call whose recording we shall fetch. *filename* is the last part of the URL's path when it is not given."""

    recording_url: WebAddress
    filename: str | None = None


class PromisedCall(NewCall, kw_only=True, forbid_unknown_fields=True):
    """A call and what is to be known of the file that would come with it. *sha256* is in lower-case hex."""

    filename: str
    size_bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Forecast(msgspec.Struct, kw_only=True):
    """*is_new*: the recording would be accepted; if not, it is there already. *call_id* is that of the call that is
    there, null when one would be made."""

    is_new: bool
    call_id: UUID | None

    @classmethod
    def of(cls, forecast: core.Forecast) -> Self:
        return cls(is_new=forecast.is_new, call_id=forecast.call_id)
