"""Calls, jobs and holds in SQLite or PostgreSQL, by SQLAlchemy Core."""

from calls_adapters.sql.accounts import SqlApiKeys, SqlUsers
from calls_adapters.sql.audit import SqlAuditLog
from calls_adapters.sql.calls import SqlCallRepository
from calls_adapters.sql.database import Database, normalized_url
from calls_adapters.sql.deliveries import SqlDeliveries
from calls_adapters.sql.destinations import SqlDestinations
from calls_adapters.sql.erasures import SqlErasures
from calls_adapters.sql.exports import SqlExports
from calls_adapters.sql.feed import SqlEventFeed
from calls_adapters.sql.holds import SqlHolds
from calls_adapters.sql.intake import SqlIntakeSwitch
from calls_adapters.sql.jobs import SqlJobQueue
from calls_adapters.sql.keys import SqlIdempotencyKeys
from calls_adapters.sql.parts import SqlStepParts
from calls_adapters.sql.retention import SqlLegalHolds, SqlRetention
from calls_adapters.sql.search import SqlCallSearch
from calls_adapters.sql.sign_in_limits import SqlSignInLimits
from calls_adapters.sql.uploads import SqlUploads

__all__ = [
    "Database",
    "SqlApiKeys",
    "SqlAuditLog",
    "SqlCallRepository",
    "SqlCallSearch",
    "SqlDeliveries",
    "SqlDestinations",
    "SqlErasures",
    "SqlEventFeed",
    "SqlExports",
    "SqlHolds",
    "SqlIdempotencyKeys",
    "SqlIntakeSwitch",
    "SqlJobQueue",
    "SqlLegalHolds",
    "SqlRetention",
    "SqlSignInLimits",
    "SqlStepParts",
    "SqlUploads",
    "SqlUsers",
    "normalized_url",
]
