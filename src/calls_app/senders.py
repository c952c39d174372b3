"""The senders of all kinds of destinations, each made when the first event goes its way."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from calls_adapters.outbound.addresses import AddressPolicy
from calls_app.settings import Settings
from calls_core.destination import DestinationKind
from calls_core.ports import CallRepository, Clock, RecordingStorage, Sender
from calls_http.docs_pages import installed_version

AGENT: Final = "Calls"


class Closable(Sender, Protocol):
    async def close(self) -> None: ...


class LateSenders(Mapping[DestinationKind, Sender]):
    """Most services need one kind, if any, and clients of the others take time and memory to load."""

    def __init__(
        self,
        settings: Settings,
        policy: AddressPolicy,
        calls: CallRepository,
        storage: RecordingStorage,
        clock: Clock,
    ) -> None:
        self._seconds = settings.webhook_timeout_sec
        self._hears = settings.others_hear
        self._policy = policy
        self._calls = calls
        self._storage = storage
        self._clock = clock
        self._agent = f"{AGENT}/{installed_version()}"
        self._makers: dict[DestinationKind, Callable[[], Closable]] = {
            DestinationKind.WEBHOOK: self._webhook,
            DestinationKind.FORM: self._form,
            DestinationKind.AMQP: self._amqp,
        }
        self._made: dict[DestinationKind, Closable] = {}

    def __getitem__(self, kind: DestinationKind) -> Sender:
        if kind not in self._made:
            self._made[kind] = self._makers[kind]()
        return self._made[kind]

    def __iter__(self) -> Iterator[DestinationKind]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    async def close(self) -> None:
        for sender in self._made.values():
            await sender.close()

    def _webhook(self) -> Closable:
        from calls_adapters.outbound.webhook import WebhookSender  # noqa: PLC0415 (as the class says)

        return WebhookSender(self._policy, self._clock, seconds=self._seconds, user_agent=self._agent)

    def _form(self) -> Closable:
        from calls_adapters.outbound.form import FormSender  # noqa: PLC0415 (as the class says)

        return FormSender(
            self._policy,
            self._calls,
            self._storage,
            self._clock,
            hears=self._hears,
            seconds=self._seconds,
            user_agent=self._agent,
        )

    def _amqp(self) -> Closable:
        from calls_adapters.outbound.amqp import AmqpSender  # noqa: PLC0415 (as the class says)

        return AmqpSender(self._policy, self._clock, seconds=self._seconds)
