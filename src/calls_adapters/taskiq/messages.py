"""Wake-ups through taskiq. Nothing else imports it: the embedded default needs no broker, and starts sooner."""

from typing import Final
from uuid import UUID

from taskiq import AsyncBroker, BrokerMessage

from calls_adapters.taskiq.broker import BrokerUnavailable, WakeUpBroker
from calls_core.job import JobId

TASK: Final = "calls.wake"


class TaskiqBroker(WakeUpBroker, AsyncBroker):
    """A taskiq broker: its subclasses bring along ``kick()`` and ``shutdown()``.

    A message is the text of an id. taskiq's own have a task, labels and arguments, which takes longer to read
    than to receive.
    """

    async def send(self, job_id: JobId) -> None:
        name = str(job_id)
        try:
            await self.kick(BrokerMessage(task_id=name, task_name=TASK, message=name.encode(), labels={}))
        except Exception as error:  # whatever a driver raises
            raise BrokerUnavailable(str(error) or type(error).__name__) from error

    def read(self, message: bytes) -> JobId:
        return JobId(UUID(message.decode("ascii")))

    async def close(self) -> None:
        await self.shutdown()
