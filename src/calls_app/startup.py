"""What happens before the first request or job."""

from dishka import AsyncContainer

from calls_adapters.sql.database import Database
from calls_adapters.sql.schema import is_current
from calls_app.settings import Settings, SettingsError
from calls_core.ports import Analyzers, RecordingStorage


async def prepare(container: AsyncContainer, settings: Settings) -> None:
    """Bring the embedded database up to date, and refuse one that somebody else must bring up to date.

    Raises:
        SettingsError: a setting cannot work, or the database needs ``calls migrate``.
    """
    await container.get(Analyzers)
    await container.get(Database)
    await container.get(RecordingStorage)
    if await is_current(settings.database_url):
        return
    if not settings.is_embedded:
        raise SettingsError("DATABASE_URL: the tables are not those of this release; run: calls migrate")
    from calls_adapters.sql.migrate import migrate  # noqa: PLC0415 (most starts need none, and Alembic is slow to load)

    await migrate(settings.database_url)
