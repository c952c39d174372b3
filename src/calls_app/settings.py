"""Configuration, read from the environment and ``.env`` once, at the edge of the process."""

import base64
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

from calls_core.hearing import Hears

EMBEDDED_DATABASE: Final = "sqlite:///data/calls.db"
ENV_FILE: Final = Path(".env")

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
        return _with_scheme(self.s3_endpoint_url, secure=self.s3_secure)

    @property
    def s3_public_endpoint(self) -> str | None:
        """Where clients reach it, if that is elsewhere."""
        return _with_scheme(self.s3_public_endpoint_url, secure=self.s3_secure)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of ours, which we may then migrate without asking."""
        return urlsplit(self.database_url).scheme.startswith("sqlite")

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

PLUGINS: Final = "CALLS_"
"""Beginning of the names that plugins read for themselves, such as ``CALLS_WHISPER_MODEL``."""

OTHERS: Final = ("OTEL_", PLUGINS)
"""Beginnings of names that belong to others, however much they look like ours."""

BROKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "broker_url": ("memory", "redis", "rediss", "amqp", "amqps"),
    "redis_url": ("redis", "rediss"),
}

SECRET_LENGTH: Final = 32

S3_NEEDS: Final = ("s3_bucket", "s3_access_key", "s3_secret_key")
S3_MAX_BYTES: Final = 10_000 * 8 * 1024**2
"""Ten thousand parts of 8 MiB."""

SECRET_MIN: Final = 32
SECRET_NEEDED: Final = "is needed, the same for every process; make one by: openssl rand -hex 32"  # noqa: S105 (a sentence)


def read_environment(environ: Mapping[str, str], env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return our variables from *environ* and *env_file*; the environment wins.

    Raises:
        SettingsError: *env_file* holds a name we do not know, or *environ* one that is nearly ours.
    """
    from_file = {name: value or "" for name, value in dotenv_values(env_file, interpolate=False).items()}
    ours = {name.upper(): value for name, value in from_file.items() if not name.startswith(PLUGINS)}
    for name in ours:
        if name not in NAMES:
            raise SettingsError(f"{name} in {env_file} is not a setting of Calls{_suggestion(name, 0.6)}")
    for name in environ:
        if name not in NAMES and not name.startswith(OTHERS) and (hint := _suggestion(name, 0.88, same_start=True)):
            raise SettingsError(f"{name} is not a setting of Calls{hint}")
    return ours | {name: environ[name] for name in NAMES if name in environ}


def plugin_variables(env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return what *env_file* says to plugins, which read the environment by themselves."""
    from_file = dotenv_values(env_file, interpolate=False)
    return {name: value or "" for name, value in from_file.items() if name.startswith(PLUGINS)}


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Build settings from *variables*, by their names in capitals. An empty value means the default.

    Raises:
        SettingsError: a variable is unknown or malformed.
    """
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        name = field.name.upper()
        text = variables.get(name, "").strip()
        if not text:
            continue
        try:
            values[field.name] = msgspec.convert(text, field.type, strict=False, dec_hook=lambda kind, raw: kind(raw))
        except msgspec.ValidationError as error:
            shown = "" if field.name in SECRETS else f", not {text!r}"
            raise SettingsError(f"{name}: {str(error).rstrip('.')}{shown}") from None
    if unknown := set(variables) - set(NAMES):
        name = min(unknown)
        raise SettingsError(f"{name} is not a setting of Calls{_suggestion(name, 0.6)}")
    settings = Settings(**values)
    _refuse_what_cannot_work(settings)
    return settings


def _refuse_what_cannot_work(settings: Settings) -> None:
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
    _refuse_a_weak_secret(settings)


def _refuse_a_weak_secret(settings: Settings) -> None:
    if settings.auth_secret and len(settings.auth_secret) < SECRET_MIN:
        raise SettingsError(f"AUTH_SECRET: {SECRET_MIN} characters at least; make one by: openssl rand -hex 32")
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
        if (url := _with_scheme(getattr(settings, field), secure=True)) and not _is_origin(url):
            raise SettingsError(f"{field.upper()}: must be like https://s3.example:9000 or s3.example:9000")
    if settings.max_upload_bytes > S3_MAX_BYTES:
        raise SettingsError(f"MAX_UPLOAD_BYTES: S3 takes at most {S3_MAX_BYTES}")


def _with_scheme(url: str, *, secure: bool) -> str | None:
    if not url or "://" in url:
        return url.rstrip("/") or None
    return f"{'https' if secure else 'http'}://{url.rstrip('/')}"


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


def _suggestion(name: str, cutoff: float, *, same_start: bool = False) -> str:
    start = name.upper().partition("_")[0]
    known = [ours for ours in NAMES if not same_start or ours.partition("_")[0] == start]
    close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=cutoff)
    return f"; did you mean {close[0]}?" if close else ""


def shown(settings: Settings, field: str) -> str:
    """Return *field* as it may be shown to anybody: a secret is reduced to what helps to find a mistake in it."""
    value = str(getattr(settings, field))
    if field not in SECRETS:
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return "***"
    if parts.scheme and parts.hostname:
        return f"{parts.scheme}://***@{parts.hostname}{parts.path}"
    return value if field == "database_url" and not parts.password else "***"
