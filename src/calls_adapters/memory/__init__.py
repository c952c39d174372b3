"""In-memory adapters for demos, plugin authors and tests. Nothing survives a restart; one event loop, no threads."""

from calls_adapters.memory.accounts import MemoryApiKeys, MemoryAuditLog, MemorySignInLimits, MemoryUsers
from calls_adapters.memory.calls import MemoryCallRepository
from calls_adapters.memory.database import MemoryDatabase
from calls_adapters.memory.deliveries import MemoryDeliveries, MemoryDestinations
from calls_adapters.memory.exports import MemoryExports
from calls_adapters.memory.feed import MemoryEventFeed
from calls_adapters.memory.governance import MemoryErasures, MemoryLegalHolds, MemoryRetention
from calls_adapters.memory.holds import MemoryHolds, MemoryIntakeSwitch
from calls_adapters.memory.jobs import MemoryJobQueue
from calls_adapters.memory.keys import MemoryIdempotencyKeys
from calls_adapters.memory.parts import MemoryStepParts
from calls_adapters.memory.search import MemoryCallSearch
from calls_adapters.memory.storage import MemoryStorage
from calls_adapters.memory.telemetry import MemoryTelemetry
from calls_adapters.memory.uploads import MemoryUploads
from calls_adapters.memory.wake_ups import MemoryWakeUps

__all__ = [
    "MemoryApiKeys",
    "MemoryAuditLog",
    "MemoryCallRepository",
    "MemoryCallSearch",
    "MemoryDatabase",
    "MemoryDeliveries",
    "MemoryDestinations",
    "MemoryErasures",
    "MemoryEventFeed",
    "MemoryExports",
    "MemoryHolds",
    "MemoryIdempotencyKeys",
    "MemoryIntakeSwitch",
    "MemoryJobQueue",
    "MemoryLegalHolds",
    "MemoryRetention",
    "MemorySignInLimits",
    "MemoryStepParts",
    "MemoryStorage",
    "MemoryTelemetry",
    "MemoryUploads",
    "MemoryUsers",
    "MemoryWakeUps",
]
