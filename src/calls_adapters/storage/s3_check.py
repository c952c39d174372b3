"""Whether an S3 service does what recordings need, found out by trying."""

import base64
import hashlib
from typing import Final
from uuid import uuid4

from aiobotocore.client import AioBaseClient
from botocore.exceptions import ClientError

from calls_adapters.storage.s3_client import S3Place, error_code
from calls_core.errors import StorageUnavailable

PROBE: Final = b"Calls tries whether this bucket does what it needs."


async def examine(client: AioBaseClient, place: S3Place) -> list[str]:
    """Write, read, list and delete a small object; return what this service lacks and recordings can do without.

    Raises:
        StorageUnavailable: it lacks what they cannot do without.
        ClientError, BotoCoreError: it refuses, or does not answer.
    """
    probe = {"Bucket": place.bucket, "Key": f"calls-probe/{uuid4().hex}"}
    await client.list_multipart_uploads(Bucket=place.bucket, MaxUploads=1)
    await _must_say_what_it_lacks(client, place, probe)
    checksum = base64.b64encode(hashlib.sha256(PROBE).digest()).decode()
    try:
        kept = await client.put_object(**probe, Body=PROBE, ChecksumSHA256=checksum, IfNoneMatch="*")
        await _must_refuse_to_overwrite(client, place, probe)
        found = await client.head_object(**probe, ChecksumMode="ENABLED")
    finally:
        await client.delete_object(**probe)
    caveats = []
    if found.get("ChecksumSHA256") != checksum:
        caveats.append("keeps no SHA-256 of its objects: only their size is verified")
    if kept.get("VersionId", "null") != "null":
        caveats.append("keeps old versions: let a lifecycle rule delete them, or erased recordings stay")
    return caveats


async def _must_say_what_it_lacks(client: AioBaseClient, place: S3Place, probe: dict[str, str]) -> None:
    try:
        await client.get_object(**probe)
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return
        if error_code(error) == "AccessDenied":
            why = "does not tell a recording that is missing from one that may not be read: let the key list it"
            raise StorageUnavailable(f"{place} {why}") from error
        raise


async def _must_refuse_to_overwrite(client: AioBaseClient, place: S3Place, probe: dict[str, str]) -> None:
    try:
        await client.put_object(**probe, Body=PROBE, IfNoneMatch="*")
    except ClientError as error:
        if error_code(error) in {"PreconditionFailed", "412"}:
            return
        raise
    raise StorageUnavailable(
        f"{place} overwrites objects in spite of If-None-Match: take a release of the S3 service that knows it"
    )
