"""What travels: one struct per JSON object. Field names are public API; the core's are not."""

from calls_http.wire.calls import Call, CallPage, Intake, NewCall, Stats
from calls_http.wire.deliveries import Attempt, Delivery, DeliveryPage, LoggedDelivery, Queued, Release, Replay
from calls_http.wire.events import Event, EventPage, event_body, webhook_event_body
from calls_http.wire.exports import CallSelection, ChosenCalls, Export, ExportList, NewExport
from calls_http.wire.ingest import Forecast, PromisedCall, PulledCall
from calls_http.wire.problems import Problem, ProblemDetail
from calls_http.wire.recordings import Download, Recording, Reprocess, Transcript, Waveform
from calls_http.wire.vcon import Vcon
from calls_http.wire.webhooks import NewWebhook, Webhook, WebhookChanges, WebhookList

__all__ = [
    "Attempt",
    "Call",
    "CallPage",
    "CallSelection",
    "ChosenCalls",
    "Delivery",
    "DeliveryPage",
    "Download",
    "Event",
    "EventPage",
    "Export",
    "ExportList",
    "Forecast",
    "Intake",
    "LoggedDelivery",
    "NewCall",
    "NewExport",
    "NewWebhook",
    "Problem",
    "ProblemDetail",
    "PromisedCall",
    "PulledCall",
    "Queued",
    "Recording",
    "Release",
    "Replay",
    "Reprocess",
    "Stats",
    "Transcript",
    "Vcon",
    "Waveform",
    "Webhook",
    "WebhookChanges",
    "WebhookList",
    "event_body",
    "webhook_event_body",
]
