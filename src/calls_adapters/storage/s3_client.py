"""The way to one bucket of an S3 service, and what its refusals mean."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError, SSLError

from calls_core.errors import StorageUnavailable

CONNECTIONS: Final = 200
"""A listener keeps one for as long as he listens."""

ATTEMPTS: Final = 3
CONNECT_SEC: Final = 5
SILENCE_SEC: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """Where a bucket is and who we are there.

    Without *endpoint_url* it is Amazon's service in *region*. *public_endpoint_url* is where clients reach the same
    bucket, if that differs.
    """

    bucket: str
    access_key: str
    secret_key: str
    region: str
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None

    def __repr__(self) -> str:
        return f"S3Place(bucket={self.bucket!r}, endpoint_url={self.endpoint_url!r})"

    def __str__(self) -> str:
        return f"the bucket {self.bucket} of {self.endpoint_url or f'Amazon S3 in {self.region}'}"


@asynccontextmanager
async def s3_client(place: S3Place, session: AioSession, endpoint_url: str | None) -> AsyncIterator[AioBaseClient]:
    """Lend a client of the service at *endpoint_url*; nothing is dialled before its first request.

    The variables and files of Amazon's own tools count for nothing: an ``AWS_ENDPOINT_URL`` that was meant for another
    program must not lead recordings elsewhere.
    """
    config = AioConfig(
        region_name=place.region,
        signature_version="s3v4",
        connect_timeout=CONNECT_SEC,
        read_timeout=SILENCE_SEC,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        # Other services add checksums of another kind than they understand, or none; ours are given explicitly.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
        s3={
            "addressing_style": "path" if endpoint_url else "virtual",  # a service of one's own has one name
            # Without TLS every body would be hashed for the signature, on the event loop. Our own SHA-256 of the audio
            # is in a header that is signed, and every object is looked at before it counts.
            "payload_signing_enabled": False,
        },
    )
    async with session.create_client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        config=config,
    ) as client:
        client.meta.events.register_last("before-call.s3", _without_expectation)
        yield client


def sending_limit() -> asyncio.Timeout:
    """Bound a request with a body: aiohttp waits without limit for a service that hangs to read more of it."""
    return asyncio.timeout(4 * SILENCE_SEC)


def _without_expectation(params: dict[str, Any], **_: object) -> None:
    """Do not ask for leave to send a body: aiohttp waits for it without any limit, for ever if the service hangs."""
    params["headers"].pop("Expect", None)


_ADVICE: Final = {
    "InvalidAccessKeyId": "does not know the access key: mend S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "finds the signature wrong: mend S3_SECRET_KEY",
    "AccessDenied": "denies access: let the key list the bucket, and read, write and delete in it",
    "RequestTimeTooSkewed": "finds our clock wrong: set the clocks of both machines",
    "NoSuchBucket": "does not exist: create it, or mend S3_BUCKET",
    "AuthorizationHeaderMalformed": "is in another region: mend S3_REGION",
    "PermanentRedirect": "is in another region: mend S3_REGION",
    "SlowDown": "is asked too much at the moment",
    "ServiceUnavailable": "is not available at the moment: look at the S3 service",
    "InternalError": "fails: look at the log of the S3 service",
    "NotImplemented": "lacks If-None-Match or SHA-256 checksums: take a newer release of the S3 service",
    "EntityTooLarge": "does not take parts of 8 MiB: raise that limit",
    "QuotaExceeded": "is full: raise its quota",
    "XMinioStorageFull": "is full: give it more space",
    # An answer to HEAD has no body that could tell more.
    "301": "is in another region: mend S3_REGION",
    "403": "denies access: mend S3_ACCESS_KEY and S3_SECRET_KEY, and let the key read, write and list",
}


def error_code(error: ClientError) -> str:
    """Return what the service calls *error*, such as ``NoSuchKey``; the HTTP status where it has no body."""
    return str(error.response.get("Error", {}).get("Code", "")) or str(http_status(error))


def http_status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def unavailable(place: S3Place, error: Exception) -> StorageUnavailable:
    """Say what to do about *error*. Neither keys nor addresses of recordings are part of it."""
    if isinstance(error, ClientError):
        code = error_code(error)
        return StorageUnavailable(f"{place} {_ADVICE.get(code, f'answers {code}: look at the log of the S3 service')}")
    where = "S3_ENDPOINT_URL" if place.endpoint_url else "S3_REGION and the network"
    if isinstance(error, SSLError):
        return StorageUnavailable(f"{place} speaks no TLS that we trust: mend its certificate, or {where} or S3_SECURE")
    return StorageUnavailable(f"{place} does not answer ({type(error).__name__}): start it, or mend {where}")


@contextmanager
def s3_errors(place: S3Place) -> Iterator[None]:
    """Wrap requests to the service only: a sender that hangs up raises errors of connections too.

    Raises:
        StorageUnavailable: with what to do.
    """
    try:
        yield
    except (BotoCoreError, ClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unavailable(place, error) from error
