"""Between calls, recordings, jobs or events and their rows: two functions for each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping

from calls_adapters.sql.standing import Row
from calls_core.call import Call, CallDetails, CallStatus, Direction, LegalHold
from calls_core.errors import AnalyzerCrashed, Reason
from calls_core.events import DestinationId, Event, EventId, EventType
from calls_core.findings import Facts, Finding, Redaction, Signal, Transcript
from calls_core.job import Claim, Job, JobId, PullSource
from calls_core.recording import CallId, Recording, RecordingId, Step, StepStatus, StoredCopy

_KINDS: Final[Mapping[str, type[Finding]]] = {
    "signal": Signal,
    "transcript": Transcript,
    "facts": Facts,
    "redaction": Redaction,
}
_TRANSCRIPT: Final = msgspec.json.Decoder(Transcript)
_DECODERS: Final = {kind: msgspec.json.Decoder(finding) for kind, finding in _KINDS.items()}


def call_row(call: Call) -> dict[str, Any]:
    details = call.details
    return {
        "id": call.id,
        "caller": details.caller,
        "receiver": details.receiver,
        "started_at": details.started_at,
        "external_id": details.external_id,
        "direction": details.direction.value if details.direction else None,
        "agent": details.agent,
        "tags": as_json(details.tags),
        "metadata": as_json(details.metadata),
        "created_at": call.created_at,
        "hold_reason": None,
        "hold_since": None,
        "hold_by": None,
        **call_changes(call),
    }


def call_changes(call: Call) -> dict[str, Any]:
    """What of a call may change after it was stored."""
    return {
        "status": call.status.value,
        "duration_sec": call.duration_sec,
        "silence_sec": call.silence_sec,
        "failure_code": call.failure.code if call.failure else None,
        "failure_detail": storable(call.failure.detail) if call.failure else None,
        "found_tags": as_json(call.found_tags) if call.found_tags else None,
        "version": call.version,
        "updated_at": call.updated_at,
    }


def call_from(row: Row) -> Call:
    return Call(
        id=CallId(row["id"]),
        details=CallDetails(
            caller=row["caller"],
            receiver=row["receiver"],
            started_at=row["started_at"],
            external_id=row["external_id"],
            direction=Direction(row["direction"]) if row["direction"] else None,
            agent=row["agent"],
            tags=tuple(msgspec.json.decode(row["tags"])),
            metadata=msgspec.json.decode(row["metadata"]),
        ),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=CallStatus(row["status"]),
        duration_sec=row["duration_sec"],
        silence_sec=row["silence_sec"],
        failure=reason_from(row["failure_code"], row["failure_detail"]),
        found_tags=tuple(msgspec.json.decode(row["found_tags"])) if row["found_tags"] else (),
        version=row["version"],
        hold=_hold_from(row),
    )


def _hold_from(row: Row) -> LegalHold | None:
    if row["hold_reason"] is None:
        return None
    return LegalHold(reason=row["hold_reason"], since=row["hold_since"], by=row["hold_by"])


def recording_row(recording: Recording) -> dict[str, Any]:
    return {
        "id": recording.id,
        "call_id": recording.call_id,
        "filename": recording.filename,
        "media_type": recording.media_type,
        "size_bytes": recording.size_bytes,
        "sha256": recording.sha256,
        "storage_key": recording.storage_key,
        "created_at": recording.created_at,
        "updated_at": recording.updated_at,
        **copy_row(recording.redacted_copy),
    }


def copy_row(copy: StoredCopy | None) -> dict[str, Any]:
    return {
        "redacted_key": copy.storage_key if copy else None,
        "redacted_size_bytes": copy.size_bytes if copy else None,
        "redacted_sha256": copy.sha256 if copy else None,
    }


def transcript_from(payload: str) -> Transcript:
    return _TRANSCRIPT.decode(payload)


def recording_from(rows: Sequence[Row]) -> Recording:
    """*rows* is the recording with each of its steps and that step's finding, in the order of steps."""
    first = rows[0]
    return Recording(
        id=RecordingId(first["recording_id"]),
        call_id=CallId(first["call_id"]),
        filename=first["filename"],
        media_type=first["media_type"],
        size_bytes=first["size_bytes"],
        sha256=first["sha256"],
        storage_key=first["storage_key"],
        created_at=first["created_at"],
        updated_at=first["updated_at"],
        steps=tuple(_step_from(row) for row in rows if row["analyzer"] is not None),
        redacted_copy=_copy_from(first),
        audio_removed_at=first["audio_removed_at"],
        transcript_removed_at=first["transcript_removed_at"],
        findings={row["analyzer"]: _DECODERS[row["kind"]].decode(row["payload"]) for row in rows if row["kind"]},
    )


def _copy_from(row: Row) -> StoredCopy | None:
    if row["redacted_key"] is None:
        return None
    return StoredCopy(row["redacted_key"], row["redacted_size_bytes"], row["redacted_sha256"])


def step_rows(recording: Recording, analyzers: Iterable[str]) -> list[dict[str, Any]]:
    wanted = set(analyzers)
    return [
        {
            "recording_id": recording.id,
            "analyzer": step.analyzer,
            "position": position,
            "version": step.version,
            "after": as_json(step.after),
            "status": step.status.value,
            "attempts": step.attempts,
            "error_code": step.error.code if step.error else None,
            "error_detail": storable(step.error.detail) if step.error else None,
            "next_attempt_at": step.next_attempt_at,
            "started_at": step.started_at,
            "finished_at": step.finished_at,
        }
        for position, step in enumerate(recording.steps)
        if step.analyzer in wanted
    ]


def _step_from(row: Row) -> Step:
    return Step(
        analyzer=row["analyzer"],
        version=row["version"],
        after=tuple(msgspec.json.decode(row["after"])),
        status=StepStatus(row["status"]),
        attempts=row["attempts"],
        error=reason_from(row["error_code"], row["error_detail"]),
        next_attempt_at=row["next_attempt_at"],
        started_at=row["step_started_at"],
        finished_at=row["finished_at"],
    )


def finding_rows(recording: Recording, analyzers: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {
            "recording_id": recording.id,
            "analyzer": analyzer,
            "version": recording.step(analyzer).version,
            "kind": next(kind for kind, cls in _KINDS.items() if isinstance(finding, cls)),
            "payload": _payload(analyzer, finding),
        }
        for analyzer in sorted(analyzers)
        if (finding := recording.findings.get(analyzer)) is not None
    ]


def _payload(analyzer: str, finding: Finding) -> str:
    try:
        return msgspec.json.encode(finding, enc_hook=dict).decode()
    except UnicodeEncodeError:
        return storable(json.dumps(msgspec.to_builtins(finding, enc_hook=dict), ensure_ascii=False))
    except (TypeError, ValueError) as error:
        msg = f"{analyzer} found something that JSON cannot say; its author must mend it ({error})"
        raise AnalyzerCrashed(msg) from error


def job_row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "call_id": job.call_id,
        "state": "queued",
        "run_at": job.created_at,
        "deadline_at": job.deadline_at,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "deferrals": job.deferrals,
        "token": 0,
        "source_url": job.source.url if job.source else None,
        "source_filename": job.source.filename if job.source else None,
        "traceparent": job.traceparent,
        "created_at": job.created_at,
    }


def claim_from(row: RowMapping) -> Claim:
    job = Job(
        id=JobId(row["id"]),
        call_id=CallId(row["call_id"]),
        created_at=row["created_at"],
        deadline_at=row["deadline_at"],
        source=PullSource(row["source_url"], row["source_filename"]) if row["source_url"] else None,
        attempt=row["attempt"],
        deferrals=row["deferrals"],
        max_attempts=row["max_attempts"],
        traceparent=row["traceparent"],
    )
    return Claim(job=job, token=row["token"], worker=row["lease_owner"])


def event_rows(events: Iterable[Event]) -> list[dict[str, Any]]:
    return [
        {"id": event.id, "type": event.type.value, "call_id": event.call_id, "occurred_at": event.occurred_at}
        for event in events
    ]


def event_from(row: RowMapping) -> Event:
    return Event(
        id=EventId(row["id"]),
        type=EventType(row["type"]),
        call_id=CallId(row["call_id"]) if row["call_id"] else None,
        occurred_at=row["occurred_at"],
        destination_id=DestinationId(row["destination_id"]) if row["destination_id"] else None,
    )


def storable(text: str) -> str:
    """Return *text* with what no database can store, NUL and half characters, as U+FFFD: it may come from a plugin."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=dict).decode()


def reason_from(code: str | None, detail: str | None) -> Reason | None:
    return Reason(code, detail or "") if code else None
