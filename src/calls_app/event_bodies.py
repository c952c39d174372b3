"""What events tell: the call and its recording as the API shows them."""

from dataclasses import dataclass

from calls_core.errors import RecordingNotFound
from calls_core.events import Event, EventType
from calls_core.ports import CallRepository, EventBodies
from calls_http.wire import event_body


@dataclass(frozen=True, slots=True)
class WireEventBodies(EventBodies):
    """Composed here, because the repositories know nothing of the wire and the wire nothing of them."""

    calls: CallRepository

    async def body(self, event: Event) -> bytes:
        if event.call_id is None or event.type is EventType.CALL_DELETED:
            return event_body(event, None, None)
        call = await self.calls.get(event.call_id)
        if event.type is EventType.CALL_CREATED:
            return event_body(event, call, None)
        try:
            recording = await self.calls.recording(event.call_id)
        except RecordingNotFound:
            recording = None
        return event_body(event, call, recording)
