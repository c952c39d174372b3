"""The history checker: what clients were told, held against what is there afterwards (the sets of Jepsen's checker).

A pure function over data: ``clients.py`` notes what clients saw, ``observing.py`` reads what is there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

from tests.faults.history import Answer, FindingRow, State, Upload

WORDS: Final = {"wrong_hash": "wrong hashes", "leftover": "left over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """*recovered* uploads got no answer and are there all the same, which is allowed. The rest after it never is.

    - *lost*: accepted, and the call, its recording, its bytes or an event of it is missing.
    - *duplicated*: two where one must be: calls of a key, recordings, jobs, findings, events, places in the list.
    - *wrong_hash*: other bytes than were sent.
    - *unexpected*: there although it was refused, erased or never sent.
    - *unfinished*: not in its final status, or in it without what belongs to it.
    - *leftover*: bytes or holds that belong to no recording.
    """

    accepted: int
    refused: int
    unknown: int
    recovered: int
    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    wrong_hash: tuple[str, ...]
    unexpected: tuple[str, ...]
    unfinished: tuple[str, ...]
    leftover: tuple[str, ...]

    @property
    def violations(self) -> dict[str, tuple[str, ...]]:
        """What must not be, by its kind; kinds without any are left out."""
        found = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: those for name, those in found.items() if isinstance(those, tuple) and those}

    def __str__(self) -> str:
        """One line of figures."""
        kinds = [part.name for part in fields(self) if isinstance(getattr(self, part.name), tuple)]
        bad = ", ".join(f"{len(getattr(self, kind))} {WORDS.get(kind, kind)}" for kind in kinds)
        told = f"{self.accepted} accepted, {self.refused} refused, {self.unknown} unanswered"
        return f"{told} of which {self.recovered} recovered: {bad}"


def check(uploads: Sequence[Upload], state: State) -> Verdict:
    """Hold what clients saw against what is there once all is quiet."""
    by_answer = Counter(upload.answer for upload in uploads)
    present = {call.key for call in state.calls}
    unknown = [upload for upload in uploads if upload.answer is Answer.UNKNOWN]
    accepted = by_answer[Answer.ACCEPTED]
    return Verdict(
        accepted=accepted,
        refused=by_answer[Answer.REFUSED],
        unknown=len(unknown),
        recovered=sum(upload.key in present for upload in unknown),
        lost=_sorted((*_lost(uploads, state), *_lost_parts(state))),
        duplicated=_sorted(_duplicated(uploads, state)),
        wrong_hash=_sorted(_wrong_hashes(uploads, state)),
        unexpected=_sorted(_unexpected(uploads, state)),
        unfinished=_sorted(_unfinished(uploads, state)),
        leftover=_sorted(_leftovers(state)),
    )


def _sorted(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(found)))


def _lost(uploads: Sequence[Upload], state: State) -> Iterator[str]:
    by_key = {call.key: call for call in state.calls}
    recorded = {recording.call_id for recording in state.recordings}
    for upload in uploads:
        if upload.answer is not Answer.ACCEPTED:
            continue
        call = by_key.get(upload.key)
        if call is None or (upload.call_id is not None and call.id != upload.call_id):
            yield f"{upload.key}: the call"
        elif call.id not in recorded:
            yield f"{upload.key}: the recording"
        elif state.listed is not None and call.id not in state.listed:
            yield f"{upload.key}: its place in the list"
        elif state.served is not None and call.id not in state.served:
            yield f"{upload.key}: the audio"


def _lost_parts(state: State) -> Iterator[str]:
    told = {(event.call_id, event.type) for event in state.events}
    for recording in state.recordings:
        if state.files is not None and recording.storage_key not in state.files:
            yield f"call {recording.call_id}: the bytes of the recording"
        if (recording.call_id, "recording.attached") not in told:
            yield f"call {recording.call_id}: the event recording.attached"
    for call in state.calls:
        if (call.id, "call.created") not in told:
            yield f"call {call.id}: the event call.created"
        if call.status in {"ready", "failed"} and (call.id, f"call.{call.status}") not in told:
            yield f"call {call.id}: the event call.{call.status}"


def _duplicated(uploads: Sequence[Upload], state: State) -> Iterator[str]:
    again = {upload.call_id: upload.reprocessed for upload in uploads}
    yield from _twice("call of", [call.key for call in state.calls if call.key])
    yield from _twice("call", [call.id for call in state.calls])
    yield from _twice("in the list", state.listed or ())
    yield from _twice("recording of", [row.call_id for row in state.recordings])
    yield from _twice("bytes of", [row.storage_key for row in state.recordings])
    yield from _twice("finding", [f"{row.analyzer} of {row.call_id}" for row in state.findings])
    yield from _twice("job of", [row.call_id for row in state.jobs], lambda call: 1 + again.get(call, 0))
    yield from _twice("event", [row.id for row in state.events])
    once = ("call.created", "recording.attached", "call.deleted")
    yield from _twice("event", [f"{row.type} of {row.call_id}" for row in state.events if row.type in once])
    done = Counter(row.call_id for row in state.jobs if row.state == "done")
    ends = [row.call_id for row in state.events if row.type in {"call.ready", "call.failed"}]
    yield from _twice("end of", ends, lambda call: max(1, done[call]))


def _twice(what: str, seen: Iterable[str], limit: Callable[[str], int] = lambda _: 1) -> Iterator[str]:
    for name, times in Counter(seen).items():
        if times > limit(name):
            yield f"{what} {name}: {times} times"


def _wrong_hashes(uploads: Sequence[Upload], state: State) -> Iterator[str]:
    sent = {upload.key: upload.sha256 for upload in uploads}
    keys = {call.id: call.key for call in state.calls}
    for recording in state.recordings:
        of_client = sent.get(keys.get(recording.call_id) or "")
        places = {
            "sent": of_client,
            "in the storage": (state.files or {}).get(recording.storage_key),
            "given out": (state.served or {}).get(recording.call_id),
        }
        for place, sha256 in places.items():
            if sha256 not in {None, recording.sha256}:
                yield f"call {recording.call_id}: {place} {sha256}, in the database {recording.sha256}"


def _unexpected(uploads: Sequence[Upload], state: State) -> Iterator[str]:
    by_key = {upload.key: upload.answer for upload in uploads}
    known = {call.id: call.key for call in state.calls}
    for call_id in {row.call_id for row in (*state.recordings, *state.jobs)}:
        answer = by_key.get(known.get(call_id) or "")
        if answer is None or answer is Answer.REFUSED:
            yield f"call {call_id}: a recording or a job that was {answer or 'never sent'}"
    for call in state.calls:
        if by_key.get(call.key or "") is Answer.ERASED:
            yield f"call {call.id}: it was erased"


def _unfinished(uploads: Sequence[Upload], state: State) -> Iterator[str]:
    wanted = {upload.key: upload.ends for upload in uploads}
    with_recording = {row.call_id for row in state.recordings}
    found = set(state.findings)
    ready = {call.id for call in state.calls if call.status == "ready"}
    for call in state.calls:
        if call.id in with_recording and call.status != wanted.get(call.key or "", call.status):
            yield f"{call.key}: {call.status} {call.failure or ''}".rstrip()
        elif call.status == "processing" or (call.status == "failed" and not call.failure):
            yield f"call {call.id}: {call.status}"
    for job in state.jobs:
        if job.state != "done":
            yield f"job {job.id}: {job.state}"
    for step in state.steps:
        if step.call_id in ready and step.status != "done":
            yield f"call {step.call_id}: ready, and {step.analyzer} is {step.status}"
        elif step.status == "done" and FindingRow(step.call_id, step.analyzer) not in found:
            yield f"call {step.call_id}: {step.analyzer} is done and found nothing"


def _leftovers(state: State) -> Iterator[str]:
    owned = {recording.storage_key for recording in state.recordings}
    yield from (f"file {name}" for name in state.files or () if name not in owned)
    yield from (f"hold {key}" for key in state.holds)
