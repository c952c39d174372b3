"""The settings: one field per environment variable."""

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from calls_core.hearing import Hears

EMBEDDED_DATABASE: Final = "sqlite:///data/calls.db"

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[int, msgspec.Meta(gt=0)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class SettingsError(ValueError):
    """A variable is unknown or malformed; the message is one line that names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field per environment variable, of the same name in capitals."""

    app_env: NonEmpty = "production"
    app_name: NonEmpty = "calls"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    metrics_host: NonEmpty = "127.0.0.1"
    metrics_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None

    database_url: NonEmpty = EMBEDDED_DATABASE
    recordings_dir: Path = Path("data/recordings")
    broker_url: str = ""
    redis_url: str = ""
    lease_sec: Annotated[float, msgspec.Meta(ge=0.5, le=3600)] = 60.0
    worker_concurrency: Annotated[int, msgspec.Meta(ge=1, le=256)] = 2

    s3_enabled: bool = False
    s3_endpoint_url: str = ""
    s3_public_endpoint_url: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_bucket: str = ""
    s3_region: str = ""
    s3_secure: bool = True

    analyzers: str = ""
    silence_threshold_dbfs: Annotated[float, msgspec.Meta(ge=-96, lt=0)] = -40.0
    silence_min_sec: Annotated[float, msgspec.Meta(ge=0.01, le=3600)] = 0.7
    max_upload_bytes: Positive = 2 * 1024**3
    max_duration_sec: Annotated[float, msgspec.Meta(gt=0, le=7 * 86400)] = 8 * 3600.0

    ai_protocol: Literal["openai", "async"] = "openai"
    ai_base_url: str = ""
    ai_api_key: Annotated[str, msgspec.Meta(pattern="^[!-~]*$")] = ""
    ai_model: Annotated[str, msgspec.Meta(pattern="^[!-~]+$", max_length=100)] = "whisper-1"
    ai_language: Annotated[str, msgspec.Meta(pattern="^([a-z]{2,3})?$")] = ""
    ai_timeout_sec: Annotated[float, msgspec.Meta(ge=0.1, le=1800)] = 300.0
    ai_max_piece_sec: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 600.0
    ai_max_upload_bytes: Annotated[int, msgspec.Meta(ge=256_000, le=1_000_000_000)] = 24_000_000
    ai_max_answer_bytes: Annotated[int, msgspec.Meta(ge=1024, le=256 << 20)] = 8 << 20
    ai_poll_sec: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 30.0
    ai_link_secret: str = ""
    ai_link_sec: Annotated[float, msgspec.Meta(ge=61, le=7 * 86400)] = 3600.0
    ai_callback_auth: Literal["none", "header", "basic", "signature"] = "none"
    ai_callback_name: Annotated[str, msgspec.Meta(pattern="^[!-9;-~]*$")] = ""
    ai_callback_secret: Annotated[str, msgspec.Meta(pattern="^[!-~]*$")] = ""
    public_base_url: str = ""
    auth_enabled: bool = False
    auth_secret: str = ""
    viewers_hear: Literal["", "original", "redacted"] = ""
    webhook_allow_cidrs: str = ""
    webhook_retry_scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    webhook_timeout_sec: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 20.0
    events_keep_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 30
    export_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 7
    export_max_bytes: Positive = 50 * 1024**3
    retention_days_audio: Days | None = None
    retention_days_transcripts: Days | None = None
    retention_days_calls: Days | None = None
    otel_exporter_otlp_endpoint: str = ""

    @property
    def analyzer_names(self) -> tuple[str, ...]:
        if not self.analyzers:
            return ("signal", AI) if self.ai_base_url else ("signal",)
        return tuple(name.strip() for name in self.analyzers.split(",") if name.strip())

    @property
    def others_hear(self) -> Hears:
        """What those hear who have no right to the original."""
        default = Hears.REDACTED if REDACT in self.analyzer_names else Hears.ORIGINAL
        return Hears(self.viewers_hear) if self.viewers_hear else default

    @property
    def ai_endpoint(self) -> str:
        """The AI service's address up to where ``/audio/transcriptions`` begins: of a bare host, its ``/v1``."""
        address = self.ai_base_url.rstrip("/")
        return address if urlsplit(address).path else f"{address}/v1"

    @property
    def wake_ups_url(self) -> str:
        """The broker that carries wake-ups; with ``REDIS_URL`` alone, that Redis."""
        return self.broker_url or self.redis_url or "memory://"

    @property
    def s3_endpoint(self) -> str | None:
        """Where the S3 service is; None for Amazon's own."""
        return with_scheme(self.s3_endpoint_url, secure=self.s3_secure)

    @property
    def s3_public_endpoint(self) -> str | None:
        """Where clients reach it, if that is elsewhere."""
        return with_scheme(self.s3_public_endpoint_url, secure=self.s3_secure)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of ours, which we may then migrate without asking."""
        return urlsplit(self.database_url).scheme.startswith("sqlite")

    @property
    def public_names(self) -> frozenset[str]:
        """The host name under which others reach us, if it was told."""
        return frozenset({urlsplit(self.public_base_url).hostname or ""} - {""})

    @property
    def allowed_cidrs(self) -> tuple[str, ...]:
        return tuple(cidr.strip() for cidr in self.webhook_allow_cidrs.split(",") if cidr.strip())


AI: Final = "ai"
REDACT: Final = "redact"

NAMES: Final = {field.upper(): field for field in Settings.__struct_fields__}

SECRETS: Final = frozenset(
    {
        "database_url",
        "redis_url",
        "broker_url",
        "s3_secret_key",
        "ai_api_key",
        "ai_link_secret",
        "ai_callback_secret",
        "auth_secret",
    }
)
"""Never shown whole: not in logs, not by ``calls doctor``."""


def shown(settings: Settings, field: str) -> str:
    """Return *field* as it may be shown to anybody: a secret is reduced to what helps to find a mistake in it."""
    value = str(getattr(settings, field))
    if field not in SECRETS:
        return value
    try:
        parts = urlsplit(value)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "***"
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":  # an unescaped password: the "host" is a part of it
        return "***"
    if parts.scheme and parts.hostname:
        return f"{parts.scheme}://***@{parts.hostname}{port}{parts.path}"
    return value if field == "database_url" and not parts.password else "***"


def with_scheme(url: str, *, secure: bool) -> str | None:
    """Return *url* with a scheme, whether it was given with one or not; None for an empty one."""
    if not url or "://" in url:
        return url.rstrip("/") or None
    return f"{'https' if secure else 'http'}://{url.rstrip('/')}"
