"""Wake-ups as taskiq messages. Nothing else imports taskiq: the embedded default needs no broker, and starts sooner."""

from typing import Final
from uuid import UUID

from taskiq import AsyncBroker
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker

from calls_adapters.taskiq.broker import BrokerUnavailable, WakeUpBroker
from calls_core.job import JobId

TASK: Final = "calls.wake"


class TaskiqBroker(WakeUpBroker, AsyncBroker):
    """A taskiq broker: its subclasses bring along ``kick()`` and ``shutdown()``."""

    async def send(self, job_id: JobId) -> None:
        kicker: AsyncKicker[[str], None] = AsyncKicker(task_name=TASK, broker=self, labels={})
        try:
            await kicker.kiq(str(job_id))
        except SendTaskError as error:
            raise BrokerUnavailable(str(error.__cause__ or error)) from error

    def read(self, message: bytes) -> JobId:
        try:
            return JobId(UUID(self.formatter.loads(message).args[0]))
        except (TypeError, AttributeError, IndexError) as error:
            raise ValueError(str(error)) from error

    async def close(self) -> None:
        await self.shutdown()
