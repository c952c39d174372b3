"""Search by looking at every call."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from calls_adapters.memory.database import MemoryDatabase
from calls_core.call import Call
from calls_core.findings import Transcript
from calls_core.ports import CallSearch, Stemmer
from calls_core.recording import CallId
from calls_core.search import (
    COUNT_CAP,
    CallFilter,
    CallPage,
    Cursor,
    Order,
    PageRequest,
    StatsBucket,
    StatsRow,
    search_key,
)
from calls_core.spoken import indexed


class MemoryCallSearch(CallSearch):
    def __init__(self, database: MemoryDatabase, stemmer: Stemmer) -> None:
        self._database = database
        self._stemmer = stemmer

    async def page(self, wanted: CallFilter, request: PageRequest) -> CallPage:
        newest = request.order is Order.NEWEST
        fitting = sorted(self._fitting(wanted), key=_place, reverse=newest)
        cursor = request.cursor
        if cursor is None:
            rest = fitting[request.offset :]
        else:
            place = (cursor.started_at, cursor.id)
            rest = [call for call in fitting if (_place(call) < place if newest else _place(call) > place)]
        items = tuple(rest[: request.limit])
        total = len(fitting) if request.count else 0
        capped = total > COUNT_CAP and not request.exact_count
        return CallPage(
            items=items,
            total=COUNT_CAP if capped else total,
            total_capped=capped,
            next_cursor=(
                Cursor(started_at=items[-1].details.started_at, id=items[-1].id) if len(rest) > len(items) else None
            ),
        )

    async def statistics(self, wanted: CallFilter, bucket: StatsBucket) -> Sequence[StatsRow]:
        groups: dict[datetime, list[Call]] = {}
        for call in self._fitting(wanted):
            groups.setdefault(_start(call.details.started_at, bucket), []).append(call)
        return [
            StatsRow(
                start=start,
                by_status=dict(Counter(call.status for call in calls)),
                measured=sum(call.duration_sec is not None for call in calls),
                duration_sec=sum(call.duration_sec or 0.0 for call in calls),
                silence_sec=sum(call.silence_sec or 0.0 for call in calls),
            )
            for start, calls in sorted(groups.items())
        ]

    async def transcripts(self, call_ids: Collection[CallId]) -> Mapping[CallId, Transcript]:
        return {call_id: said for call_id in call_ids if (said := self._transcript(call_id))}

    async def count_ahead(self) -> bool:
        return False

    def _fitting(self, wanted: CallFilter) -> Iterator[Call]:
        words = wanted.text and wanted.text.stemmed(self._stemmer.stem)
        for call in self._database.calls.values():
            details = call.details
            if (
                (wanted.query is None or wanted.query in search_key(call))
                and wanted.status in {None, call.status}
                and (wanted.started_from is None or wanted.started_from <= details.started_at)
                and (wanted.started_until is None or details.started_at < wanted.started_until)
                and (wanted.tag is None or wanted.tag in call.tags)
                and wanted.agent in {None, details.agent}
                and (words is None or ((said := self._indexed(call.id)) is not None and words.fits(said)))
                and (wanted.min_duration is None or _or_nan(call.duration_sec) >= wanted.min_duration)
                and (wanted.max_duration is None or _or_nan(call.duration_sec) <= wanted.max_duration)
            ):
                yield call

    def _transcript(self, call_id: CallId) -> Transcript | None:
        recording = self._database.recordings.get(call_id)
        return recording.transcript if recording else None

    def _indexed(self, call_id: CallId) -> str | None:
        transcript = self._transcript(call_id)
        return indexed(transcript.text, self._stemmer.stem) if transcript else None


def _place(call: Call) -> tuple[datetime, CallId]:
    return call.details.started_at, call.id


def _or_nan(number: float | None) -> float:
    """NaN is neither below nor above anything, as NULL in SQL."""
    return float("nan") if number is None else number


def _start(moment: datetime, bucket: StatsBucket) -> datetime:
    start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start.replace(hour=0) if bucket is StatsBucket.DAY else start
