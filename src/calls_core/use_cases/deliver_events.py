"""Taking one event to one destination, once."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from calls_core.delivery import Attempt, Delivery, DeliveryClaim, DeliveryState, Ending, RetryPlan
from calls_core.destination import Destination
from calls_core.errors import LeaseLost, Reason, ReceiverFailing, ReceiverGone, Unavailable
from calls_core.events import Event, EventId, EventType
from calls_core.faultpoint import faultpoint
from calls_core.job import Patience
from calls_core.ports import Clock, Deliveries, NewId, Senders, Telemetry
from calls_core.use_cases.hold_lease import while_leased

GONE = 410

_log = logging.getLogger("calls.notifier")


@dataclass(frozen=True, slots=True)
class DeliverEvent:
    """Send under a lease, log what came of it, and decide what becomes of the delivery.

    Why every delivery ends: each claim raises the attempt, which is bounded, and every lease ends by itself. A receiver
    may see an event twice, when we die between its answer and our note of it; the event's id tells it so.
    """

    deliveries: Deliveries
    senders: Senders
    plan: RetryPlan
    patience: Patience
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(self, destination: Destination, claim: DeliveryClaim) -> None:
        """Try once. Whatever the receiver or the database does, it is logged, not raised."""
        try:
            work = self._send(destination, claim)
            await while_leased(partial(self.deliveries.renew, claim), self.patience, work)
        except LeaseLost as lost:
            _log.info("delivery %s is left to others: %s", claim.delivery.id, lost)
        except Unavailable as error:
            _log.warning("delivery %s is left to its lease: %s", claim.delivery.id, error)

    async def _send(self, destination: Destination, claim: DeliveryClaim) -> None:
        delivery = claim.delivery
        faultpoint("notifier.before_send")
        attempt = await self.senders[destination.details.kind].send(destination, delivery.event, claim.body)
        faultpoint("notifier.sent")
        ending = self._ending(destination, delivery, attempt)
        await self.deliveries.conclude(claim, attempt, ending)
        faultpoint("notifier.concluded")
        kind = destination.details.kind.value
        match ending.state:
            case DeliveryState.DELIVERED:
                self.telemetry.delivery_ended(kind, "delivered")
            case DeliveryState.EXHAUSTED:
                self.telemetry.delivery_ended(kind, "exhausted")
            case _:
                self.telemetry.delivery_ended(kind, "failed")
        if attempt.error:
            told = (delivery.event.type, destination.id, delivery.attempt, attempt.error.detail)
            _log.warning("%s was not accepted by webhook %s, attempt %d: %s", *told)

    def _ending(self, destination: Destination, delivery: Delivery, attempt: Attempt) -> Ending:
        if attempt.is_accepted:
            return Ending(state=DeliveryState.DELIVERED)
        pause = self.plan.pause(delivery.attempt, attempt.retry_after)
        state = DeliveryState.EXHAUSTED if pause is None else DeliveryState.QUEUED
        ending = Ending(state=state, delay=pause or timedelta(0))
        if reason := self._why_disabled(destination, attempt):
            event = Event(
                id=EventId(self.new_id()),
                type=EventType.WEBHOOK_DISABLED,
                call_id=None,
                occurred_at=self.clock(),
                destination_id=destination.id,
            )
            return replace(ending, disables=reason, event=event)
        return ending

    def _why_disabled(self, destination: Destination, attempt: Attempt) -> Reason | None:
        if attempt.status == GONE:
            return ReceiverGone("the receiver answered 410 Gone; enable the webhook again if that was a mistake").reason
        since = destination.failing_since
        if since is not None and self.clock() - since >= self.plan.disable_after:
            text = f"nothing was accepted since {since:%Y-%m-%d %H:%M} UTC; mend the receiver, enable, and replay"
            return ReceiverFailing(text).reason
        return None
