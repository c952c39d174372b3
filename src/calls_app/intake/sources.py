"""Which kind of source a name is of."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from calls_app.intake.items import NO_PATTERN, Item, items_of
from calls_app.intake.naming import Naming
from calls_app.settings import Settings


@asynccontextmanager
async def open_source(
    source: str, naming: Naming | None, settings: Settings
) -> AsyncIterator[tuple[str, Callable[[], Iterable[Item]]]]:
    """Lend a short name of *source*, a path or ``s3://BUCKET/PREFIX``, and what gives its items as often as asked.

    Raises:
        ValueError: it is no source.
        Unreachable: the bucket cannot be looked into now.
    """
    address = urlsplit(source)
    if address.scheme != "s3":
        path = Path(source)
        yield _name(path), lambda: items_of(path, naming)
        return
    from calls_app.intake.bucket import Prefix, items_in  # noqa: PLC0415 (large, and needed by few)

    if naming is None:
        raise ValueError(NO_PATTERN)
    place = Prefix(address.netloc, address.path.removeprefix("/"))
    async with items_in(place, settings, naming) as found:
        yield place.name, lambda: found


def _name(path: Path) -> str:
    return path.resolve().name  # "." has none
