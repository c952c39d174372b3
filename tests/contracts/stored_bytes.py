"""Bytes on their way into a storage and out of it."""

import hashlib
from collections.abc import AsyncIterator

from calls_adapters.storage.s3 import S3Storage


async def pieces(data: bytes, length: int = 1_000_003) -> AsyncIterator[bytes]:
    for start in range(0, len(data), length):
        yield data[start : start + length]


async def digest_of(storage: S3Storage, key: str) -> str:
    digest = hashlib.sha256()
    async with storage.read(key) as stored:
        async for piece in stored:
            digest.update(piece)
    return digest.hexdigest()
