"""What drivers throw, as what the core knows."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from calls_core.errors import RepositoryUnavailable

_log = logging.getLogger("calls.sql")

_ADVICE: Final = (
    ("no such table", "the database lacks tables of this release; migrate it"),
    ('role "', "look at user and password in DATABASE_URL"),
    ("does not exist", "the database lacks tables of this release, or is not there; create and migrate it"),
    ("unable to open database file", "create the folder of DATABASE_URL and let the service write to it"),
    ("readonly database", "let the service write to the file in DATABASE_URL and to its folder"),
    ("database or disk is full", "free some space on the disk of the database"),
    ("No space left", "free some space on the disk of the database"),
    ("database is locked", "another process writes to the database for too long; try again"),
    ("authentication failed", "look at user and password in DATABASE_URL"),
    ("file is not a database", "the file in DATABASE_URL is something else; name another"),
    ("Name or service not known", "look at the host in DATABASE_URL"),
    ("Connect call failed", "look whether it runs at the host and port in DATABASE_URL"),
    ("Connection refused", "look whether it runs at the host and port in DATABASE_URL"),
    ("too many clients", "raise max_connections of PostgreSQL, or run fewer processes"),
    ("QueuePool limit", "too many requests wait for a connection; try again"),
)

_AWAY: Final = ("08", "28", "3D", "53", "57", "58")
"""Classes of SQLSTATE: no connection, not let in, no such database, no resources, an operator at work (a start or a
stop), an error of the system."""

_DAMAGED: Final = ("SQLITE_NOTADB", "SQLITE_CORRUPT")

_OURS: Final = ("22", "23", "42")
"""Classes of what only a statement can be at fault for: its values, its keys, its text."""


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise ``RepositoryUnavailable`` for whatever goes wrong between us and the database.

    An error at COMMIT is among them, for nobody knows whether it took place. Errors of the core pass through.
    """
    try:
        yield
    except _failures() as error:  # SQLAlchemy's other errors are mistakes of ours, which must not pass for an outage
        reason = getattr(error, "orig", None) or error
        text = " ".join(str(reason).split()) or type(reason).__name__
        if not _is_outage(error):
            _log.exception("the database refused a statement")
        advice = next((advice for piece, advice in _ADVICE if piece in text), "look at the database and its log")
        msg = f"the database does not answer as it should: {advice} ({text[:300]})"
        raise RepositoryUnavailable(msg) from error


def _failures() -> tuple[type[Exception], ...]:
    general = (
        exc.StatementError,
        exc.TimeoutError,
        exc.DisconnectionError,
        exc.PendingRollbackError,
        exc.EmulatedDBAPIException,  # of connecting, for a statement that is handed to the driver
        OSError,
    )
    driver = sys.modules.get("asyncpg")  # SQLite gets by without, and nobody throws what nobody has loaded
    return (*general, driver.PostgresError, driver.InterfaceError) if driver else general


def _is_outage(error: Exception) -> bool:
    """Tell a database that is away from a fault of ours, which belongs into the log with its trace."""
    if isinstance(error, exc.DBAPIError):
        is_away = str(getattr(error.orig, "sqlstate", "")).startswith(_AWAY)
        is_away = is_away or getattr(error.orig, "sqlite_errorname", "") in _DAMAGED
        return is_away or error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError)
    if sqlstate := getattr(error, "sqlstate", None):
        return not str(sqlstate).startswith(_OURS)
    return not isinstance(error, exc.StatementError | ValueError)  # asyncpg names a value that does not fit so
