"""What lies below a prefix of an S3 bucket, of the service that the settings name."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from aiobotocore.client import AioBaseClient
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from calls_adapters.storage.s3_client import S3Place, error_code, s3_client, s3_errors
from calls_app.buckets import s3_place
from calls_app.intake.items import Item, counts, described_by
from calls_app.intake.naming import Naming
from calls_app.intake.receivers import Unreachable
from calls_app.settings import Settings
from calls_core.errors import InvalidInput, StorageUnavailable

PIECE: Final = 256 * 1024
GONE: Final = frozenset({"NoSuchKey", "404", "AccessDenied", "403", "InvalidObjectState"})
"""What is said of one object, and is no word about the service."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """``s3://BUCKET/PREFIX``."""

    bucket: str
    prefix: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.bucket, self.prefix).name


@asynccontextmanager
async def items_in(place: Prefix, settings: Settings, naming: Naming) -> AsyncIterator[list[Item]]:
    """Lend what the bucket holds below the prefix, in order; each is fetched when its turn comes.

    Raises:
        ValueError: the settings name no account of an S3 service.
        Unreachable: the service does not answer, or does not let us look.
    """
    if not (settings.s3_access_key and settings.s3_secret_key):
        raise ValueError(f"s3://{place.bucket}: set S3_ACCESS_KEY and S3_SECRET_KEY, and S3_ENDPOINT_URL or S3_REGION")
    bucket = s3_place(settings, place.bucket)
    with tempfile.TemporaryDirectory(prefix="calls-import-") as folder:
        async with s3_client(bucket, get_session(), bucket.endpoint_url) as client:
            try:
                with s3_errors(bucket):
                    keys = await _keys(client, place)
            except StorageUnavailable as error:
                raise Unreachable(str(error)) from error
            yield [_item(client, bucket, key, place, naming, Path(folder)) for key in keys]


async def _keys(client: AioBaseClient, place: Prefix) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.prefix)
    found = [entry["Key"] async for page in pages for entry in page.get("Contents", ())]
    return sorted(key for key in found if counts(PurePosixPath(key.removeprefix(place.prefix))))


def _item(client: AioBaseClient, bucket: S3Place, key: str, place: Prefix, naming: Naming, folder: Path) -> Item:
    async def fetch(path: Path) -> None:
        await _fetch(client, bucket, key, path)

    name = PurePosixPath(key)
    source = key.removeprefix(place.prefix).removeprefix("/") or name.name
    return Item(source, folder / name.name, described_by(naming, name.stem), fetch)


async def _fetch(client: AioBaseClient, bucket: S3Place, key: str, path: Path) -> None:
    """Write the object to *path*.

    Raises:
        InvalidInput: there is no such object, or we may not read it.
        Unreachable: the service failed.
    """
    try:
        with s3_errors(bucket):
            answer: dict[str, Any] = await client.get_object(Bucket=bucket.bucket, Key=key)
            async with answer["Body"] as body:
                with path.open("wb") as file:
                    while piece := await body.read(PIECE):
                        file.write(piece)
    except StorageUnavailable as error:
        if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in GONE:
            raise InvalidInput(f"{key} cannot be read: {error_code(error.__cause__)}") from error
        raise Unreachable(str(error)) from error
