"""What events tell: the call and its recording as the API shows them."""

from dataclasses import dataclass

from calls_core.errors import DestinationNotFound, RecordingNotFound
from calls_core.events import Event, EventType
from calls_core.hearing import Hearing, call_for, recording_for
from calls_core.ports import CallRepository, Destinations, EventBodies
from calls_http.wire import event_body, webhook_event_body


@dataclass(frozen=True, slots=True)
class WireEventBodies(EventBodies):
    """Composed here, because the repositories know nothing of the wire and the wire nothing of them."""

    calls: CallRepository
    destinations: Destinations
    hearing: Hearing

    async def body(self, event: Event) -> bytes:
        if event.destination_id is not None:
            try:
                return webhook_event_body(event, await self.destinations.get(event.destination_id))
            except DestinationNotFound:
                return webhook_event_body(event, None)
        if event.call_id is None or event.type is EventType.CALL_DELETED:
            return event_body(event, None, None)
        hears = self.hearing.others  # whoever is told, we do not know them
        call = call_for(await self.calls.get(event.call_id), hears)
        if event.type is EventType.CALL_CREATED:
            return event_body(event, call, None)
        try:
            recording = recording_for(await self.calls.recording(event.call_id), hears)
        except RecordingNotFound:
            recording = None
        return event_body(event, call, recording)
