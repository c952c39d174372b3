"""What settings cannot be together."""

import base64
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from calls_app.settings import AI, Settings, SettingsError, with_scheme

BROKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "broker_url": ("memory", "redis", "rediss", "amqp", "amqps"),
    "redis_url": ("redis", "rediss"),
}

SECRET_LENGTH: Final = 32

S3_NEEDS: Final = ("s3_bucket", "s3_access_key", "s3_secret_key")
S3_MAX_BYTES: Final = 10_000 * 8 * 1024**2
"""Ten thousand parts of 8 MiB."""

SECRET_NEEDED: Final = "is needed, the same for every process; make one by: openssl rand -hex 32"  # noqa: S105 (a sentence)


def refuse_what_cannot_work(settings: Settings) -> None:
    """Return if the service can start with *settings*.

    Raises:
        SettingsError: one is missing or does not go with the others.
    """
    for field, schemes in BROKERS.items():
        if (url := getattr(settings, field)) and url.partition("://")[0] not in schemes:
            raise SettingsError(f"{field.upper()}: must begin with {', '.join(f'{scheme}://' for scheme in schemes)}")
    if (url := settings.otel_exporter_otlp_endpoint) and urlsplit(url).scheme not in {"http", "https"}:
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT: must begin with http:// or https://")
    scheme = urlsplit(settings.database_url).scheme.partition("+")[0]
    if scheme not in {"sqlite", "postgresql", "postgres"}:
        raise SettingsError("DATABASE_URL: must begin with sqlite:/// or postgresql://")
    if settings.s3_enabled:
        _refuse_half_an_s3(settings)
    if not settings.analyzer_names:
        raise SettingsError("ANALYZERS: name at least one, such as signal")
    _refuse_half_an_ai(settings)
    if settings.public_base_url and not _is_service(settings.public_base_url):
        raise SettingsError("PUBLIC_BASE_URL: must be like https://calls.example, without a user name or a query")
    _refuse_a_weak_secret(settings)


def _refuse_a_weak_secret(settings: Settings) -> None:
    if settings.auth_secret and len(settings.auth_secret) < SECRET_LENGTH:
        raise SettingsError(f"AUTH_SECRET: {SECRET_LENGTH} characters at least; make one by: openssl rand -hex 32")
    if settings.auth_enabled and not settings.auth_secret and not settings.is_embedded:
        raise SettingsError(f"AUTH_SECRET: {SECRET_NEEDED}")


def _refuse_half_an_ai(settings: Settings) -> None:
    if settings.ai_base_url and not _is_service(settings.ai_base_url):
        raise SettingsError("AI_BASE_URL: must be like https://api.openai.com/v1, without a user name or a query")
    if AI not in settings.analyzer_names:
        return
    if not settings.ai_base_url:
        raise SettingsError("ANALYZERS: ai needs a service; name it in AI_BASE_URL")
    if settings.ai_protocol == "async":
        _refuse_half_an_async_ai(settings)
    elif "signal" not in settings.analyzer_names:
        raise SettingsError("ANALYZERS: ai cuts where signal finds silence; name signal too")


def _refuse_half_an_async_ai(settings: Settings) -> None:
    if not _is_service(settings.public_base_url):
        raise SettingsError("PUBLIC_BASE_URL: an asynchronous AI service must reach us, as at https://calls.example")
    if len(settings.ai_link_secret) < SECRET_LENGTH:
        raise SettingsError(f"AI_LINK_SECRET: must have {SECRET_LENGTH} characters, the same in every process of ours")
    wanted = {"header": ("name", "secret"), "basic": ("name", "secret"), "signature": ("secret",)}
    for what in wanted.get(settings.ai_callback_auth, ()):
        if not getattr(settings, f"ai_callback_{what}"):
            raise SettingsError(
                f"AI_CALLBACK_{what.upper()}: is needed with AI_CALLBACK_AUTH={settings.ai_callback_auth}"
            )
    if settings.ai_callback_auth == "signature" and not _is_signing_secret(settings.ai_callback_secret):
        raise SettingsError("AI_CALLBACK_SECRET: a signing secret is whsec_ and 24 to 64 bytes in base64")


def _is_signing_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return 24 <= len(key) <= 64  # noqa: PLR2004 (Standard Webhooks 1.0.0)


def _refuse_half_an_s3(settings: Settings) -> None:
    for field in S3_NEEDS if settings.s3_endpoint_url else (*S3_NEEDS, "s3_region"):
        if not getattr(settings, field):
            raise SettingsError(f"{field.upper()}: is needed with S3_ENABLED")
    for field in ("s3_endpoint_url", "s3_public_endpoint_url"):
        if (url := with_scheme(getattr(settings, field), secure=True)) and not _is_origin(url):
            raise SettingsError(f"{field.upper()}: must be like https://s3.example:9000 or s3.example:9000")
    if settings.max_upload_bytes > S3_MAX_BYTES:
        raise SettingsError(f"MAX_UPLOAD_BYTES: S3 takes at most {S3_MAX_BYTES}")


def _is_service(url: str) -> bool:
    """Whether *url* is a scheme, a host, and perhaps a port and a path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return _is_origin(f"{parts.scheme}://{parts.netloc}") and not parts.query and not parts.fragment


def _is_origin(url: str) -> bool:
    """Whether *url* is a scheme, a host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    rest = f"{host}:{port}" if port else host
    return parts.scheme in {"http", "https"} and bool(host) and url.lower() == f"{parts.scheme}://{rest}"
