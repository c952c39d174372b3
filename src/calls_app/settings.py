"""Configuration, read from the environment and ``.env`` once, at the edge of the process."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

EMBEDDED_DATABASE: Final = "sqlite:///data/calls.db"
ENV_FILE: Final = Path(".env")

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[int, msgspec.Meta(gt=0)]


class SettingsError(ValueError):
    """A variable is unknown or malformed; the message is one line that names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field per environment variable, of the same name in capitals."""

    app_env: NonEmpty = "production"
    app_name: NonEmpty = "calls"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

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

    analyzers: NonEmpty = "signal"
    silence_threshold_dbfs: Annotated[float, msgspec.Meta(ge=-96, lt=0)] = -40.0
    silence_min_sec: Annotated[float, msgspec.Meta(ge=0.01, le=3600)] = 0.7
    max_upload_bytes: Positive = 2 * 1024**3
    max_duration_sec: Annotated[float, msgspec.Meta(gt=0, le=7 * 86400)] = 8 * 3600.0

    ai_base_url: str = ""
    ai_api_key: str = ""
    ai_model: str = ""
    auth_enabled: bool = False
    auth_secret: str = ""
    webhook_allow_cidrs: str = ""
    retention_days_audio: Positive | None = None
    retention_days_calls: Positive | None = None
    otel_exporter_otlp_endpoint: str = ""

    @property
    def analyzer_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.analyzers.split(",") if name.strip())

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file of ours, which we may then migrate without asking."""
        return urlsplit(self.database_url).scheme.startswith("sqlite")

    @property
    def allowed_cidrs(self) -> tuple[str, ...]:
        return tuple(cidr.strip() for cidr in self.webhook_allow_cidrs.split(",") if cidr.strip())


NAMES: Final = {field.upper(): field for field in Settings.__struct_fields__}

SECRETS: Final = frozenset({"database_url", "redis_url", "broker_url", "s3_secret_key", "ai_api_key", "auth_secret"})
"""Never shown whole: not in logs, not by ``calls doctor``."""

OTHERS: Final = ("OTEL_",)
"""Beginnings of names that belong to others, however much they look like ours."""

UNUSED: Final[Mapping[str, str]] = {
    "redis_url": "workers find their work in the database",
    "otel_exporter_otlp_endpoint": "no traces are sent",
}
"""Settings that are taken over from elsewhere and do nothing in this release; the start says so in the log."""

NOT_YET: Final[Mapping[str, str]] = {
    "s3_enabled": "storage in S3 is not part of this release; leave it off and use RECORDINGS_DIR",
    "ai_base_url": "the analyzer ai is not part of this release; leave it empty",
    "auth_enabled": "accounts are not part of this release; listen on 127.0.0.1 behind a proxy of yours",
    "retention_days_audio": "retention is not part of this release; leave it empty",
    "retention_days_calls": "retention is not part of this release; leave it empty",
}
"""Settings that promise something this release cannot do: better no start than a wrong belief."""


def read_environment(environ: Mapping[str, str], env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return our variables from *environ* and *env_file*; the environment wins.

    Raises:
        SettingsError: *env_file* holds a name we do not know, or *environ* one that is nearly ours.
    """
    from_file = {name: value or "" for name, value in dotenv_values(env_file, interpolate=False).items()}
    for name in from_file:
        if name.upper() not in NAMES:
            raise SettingsError(f"{name} in {env_file} is not a setting of Calls{_suggestion(name, 0.6)}")
    for name in environ:
        if name not in NAMES and not name.startswith(OTHERS) and (hint := _suggestion(name, 0.88, same_start=True)):
            raise SettingsError(f"{name} is not a setting of Calls{hint}")
    merged = {name.upper(): value for name, value in from_file.items()}
    return merged | {name: environ[name] for name in NAMES if name in environ}


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
    for field, why in NOT_YET.items():
        if getattr(settings, field):
            raise SettingsError(f"{field.upper()}: {why}")
    if settings.broker_url not in {"", "memory://"}:
        raise SettingsError(
            "BROKER_URL: only memory:// is part of this release; workers find their work in the database"
        )
    scheme = urlsplit(settings.database_url).scheme.partition("+")[0]
    if scheme not in {"sqlite", "postgresql", "postgres"}:
        raise SettingsError("DATABASE_URL: must begin with sqlite:/// or postgresql://")
    if not settings.analyzer_names:
        raise SettingsError("ANALYZERS: name at least one, such as signal")


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
    parts = urlsplit(value)
    if parts.scheme and parts.hostname:
        return f"{parts.scheme}://***@{parts.hostname}{parts.path}"
    return value if field == "database_url" and not parts.password else "***"
