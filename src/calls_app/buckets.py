"""Buckets of the S3 service that the settings name. Large to import, and needed by few."""

from calls_adapters.storage.s3_client import S3Place
from calls_app.settings import Settings


def s3_place(settings: Settings, bucket: str) -> S3Place:
    """Return where *bucket* is, and who we are there."""
    return S3Place(
        bucket=bucket,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        region=settings.s3_region or "us-east-1",  # what services of one's own take for theirs
        endpoint_url=settings.s3_endpoint,
        public_endpoint_url=settings.s3_public_endpoint,
    )
