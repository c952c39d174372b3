"""What travels: one struct per JSON object. Field names are public API; the core's are not."""

from calls_http.wire.calls import Call, CallPage, Intake, NewCall, PulledCall, Stats
from calls_http.wire.events import Event, EventPage, event_body
from calls_http.wire.problems import Problem, ProblemDetail
from calls_http.wire.recordings import Download, Recording, Reprocess, Transcript, Waveform

__all__ = [
    "Call",
    "CallPage",
    "Download",
    "Event",
    "EventPage",
    "Intake",
    "NewCall",
    "Problem",
    "ProblemDetail",
    "PulledCall",
    "Recording",
    "Reprocess",
    "Stats",
    "Transcript",
    "Waveform",
    "event_body",
]
