"""The part of the wiring that telling others needs: events, destinations, deliveries."""

from collections.abc import AsyncIterator
from datetime import timedelta

from dishka import Provider, Scope, provide, provide_all

from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.sql.deliveries import SqlDeliveries
from calls_adapters.sql.destinations import SqlDestinations
from calls_adapters.sql.feed import SqlEventFeed
from calls_app.event_bodies import WireEventBodies
from calls_app.liveness import worker_name
from calls_app.notifier import Notifier
from calls_app.senders import LateSenders
from calls_app.settings import Settings, SettingsError
from calls_core.delivery import RetryPlan
from calls_core.ports import (
    CallRepository,
    Clock,
    Deliveries,
    Destinations,
    EventBodies,
    EventFeed,
    RecordingStorage,
    Senders,
    WorkerIsDead,
)
from calls_core.use_cases.deliver_events import DeliverEvent
from calls_core.use_cases.manage_destinations import ManageDeliveries, ManageDestinations
from calls_core.use_cases.tell_events import EventsKept, FollowEvents, ForgetEvents, ReadEvents, TellEvents


class DeliveryUseCases(Provider):
    scope = Scope.APP
    use_cases = provide_all(
        DeliverEvent,
        FollowEvents,
        ForgetEvents,
        ManageDeliveries,
        ManageDestinations,
        ReadEvents,
        TellEvents,
    )


class DeliveryAdapters(Provider):
    scope = Scope.APP
    destinations = provide(SqlDestinations, provides=Destinations)
    deliveries = provide(SqlDeliveries, provides=Deliveries)
    feed = provide(SqlEventFeed, provides=EventFeed)
    bodies = provide(WireEventBodies, provides=EventBodies)

    @provide
    def addresses(self, settings: Settings) -> AddressPolicy:
        try:
            return AddressPolicy.parsed(settings.allowed_cidrs)
        except ValueError as error:
            raise SettingsError(f"WEBHOOK_ALLOW_CIDRS: {error}") from None

    @provide
    async def senders(
        self,
        settings: Settings,
        policy: AddressPolicy,
        calls: CallRepository,
        storage: RecordingStorage,
        clock: Clock,
    ) -> AsyncIterator[Senders]:
        late = LateSenders(settings, policy, calls, storage, clock)
        yield Senders(late)
        await late.close()

    @provide
    def retry_plan(self, settings: Settings) -> RetryPlan:
        return RetryPlan(settings.webhook_retry_scale)

    @provide
    def events_kept(self, settings: Settings) -> EventsKept:
        return EventsKept(timedelta(days=settings.events_keep_days))

    @provide
    def notifier(self, tell: TellEvents, deliver: DeliverEvent, is_dead: WorkerIsDead) -> Notifier:
        return Notifier(tell, deliver, is_dead, worker_name())
