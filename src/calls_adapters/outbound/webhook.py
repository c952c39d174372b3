"""Events by HTTP POST, signed as Standard Webhooks says."""

from collections.abc import Sequence

from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.outbound.client import guarded_client
from calls_adapters.outbound.receivers import Exchange, attempted
from calls_adapters.outbound.signing import signed_headers
from calls_core.delivery import Attempt
from calls_core.destination import Destination, DestinationDetails
from calls_core.errors import FieldError
from calls_core.events import Event
from calls_core.ports import Clock, Sender


class WebhookSender(Sender):
    """One client for all destinations; what each may take of it is bounded by how many of its deliveries are claimed
    at a time."""

    def __init__(self, policy: AddressPolicy, clock: Clock, *, seconds: float, user_agent: str) -> None:
        self._client = guarded_client(policy, seconds=seconds, connections=None)
        self._clock = clock
        self._seconds = seconds
        self._agent = user_agent

    def faults(self, details: DestinationDetails) -> Sequence[FieldError]:
        del details
        return ()

    async def send(self, destination: Destination, event: Event, body: bytes) -> Attempt:
        at = self._clock()
        headers = {"Content-Type": "application/json", "User-Agent": self._agent}
        headers |= signed_headers(event.id, at, body, destination.secrets(at))

        async def post(exchange: Exchange) -> None:
            request = self._client.build_request("POST", destination.details.url, content=body, headers=headers)
            await exchange.read(await self._client.send(request, stream=True))

        return await attempted(at, self._seconds, post)

    async def close(self) -> None:
        await self._client.aclose()
