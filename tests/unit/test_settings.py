"""Configuration: names, values, and what is refused."""

from pathlib import Path

import pytest

from calls_app.environment import load_settings, plugin_variables, read_environment
from calls_app.settings import NAMES, SECRETS, Settings, SettingsError, shown


def test_nothing_set_is_the_embedded_default() -> None:
    """Without any variable, everything lives in a folder and no server is needed."""
    settings = load_settings({})
    assert settings == Settings()
    assert settings.is_embedded
    assert settings.analyzer_names == ("signal",)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """`.env` holds defaults for this machine; other variables of the environment are left alone."""
    env_file = tmp_path / ".env"
    env_file.write_text("APP_NAME=file\nSILENCE_MIN_SEC=2\n# a comment\n")
    variables = read_environment({"APP_NAME": "environment", "HOME": "/x"}, env_file)
    settings = load_settings(variables)
    assert (settings.app_name, settings.silence_min_sec) == ("environment", 2.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_UPLOAD_BYTES", "many"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_DURATION_SEC", "nan"),
        ("SILENCE_THRESHOLD_DBFS", "3"),
        ("SILENCE_MIN_SEC", "-1"),
        ("S3_ENABLED", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("WORKER_CONCURRENCY", "1000"),
        ("DATABASE_URL", "mysql://x/y"),
        ("BROKER_URL", "ftp://x"),
        ("BROKER_URL", "sqs://x"),
        ("REDIS_URL", "memory://"),
        ("REDIS_URL", "localhost:6379"),
        ("ANALYZERS", ","),
        ("AI_BASE_URL", "api.openai.com"),
        ("AI_BASE_URL", "ftp://ai/v1"),
        ("AI_BASE_URL", "https://user:secret@ai/v1"),
        ("AI_BASE_URL", "https://ai/v1?key=1"),
        ("AI_BASE_URL", "http://[::1"),
        ("AI_API_KEY", "sk-1 2"),
        ("AI_MODEL", "large v3"),
        ("AI_LANGUAGE", "English"),
        ("AI_TIMEOUT_SEC", "0"),
        ("AI_MAX_PIECE_SEC", "1"),
        ("AI_MAX_UPLOAD_BYTES", "1000"),
        ("AI_MAX_ANSWER_BYTES", "1"),
    ],
)
def test_a_malformed_value_is_named(name: str, value: str) -> None:
    """The start stops with one line that names the variable."""
    with pytest.raises(SettingsError) as refused:
        load_settings({name: value})
    assert str(refused.value).startswith(f"{name}")
    assert "\n" not in str(refused.value)


def test_a_misspelt_name_is_refused(tmp_path: Path) -> None:
    """In the file every unknown name is refused; in the environment only one that is nearly ours."""
    env_file = tmp_path / ".env"
    env_file.write_text("RECORDING_DIR=/x\n")
    with pytest.raises(SettingsError, match="did you mean RECORDINGS_DIR"):
        read_environment({}, env_file)
    with pytest.raises(SettingsError, match="did you mean SILENCE_THRESHOLD_DBFS"):
        read_environment({"SILENCE_TRESHOLD_DBFS": "-30"}, tmp_path / "none")
    others = ["PATH", "DATABASE", "API_BASE_URL", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
    assert read_environment(dict.fromkeys(others, "x"), tmp_path / "none") == {}


def test_what_is_for_plugins_is_handed_on(tmp_path: Path) -> None:
    """Names that begin with CALLS_ may stand in the file; they are no settings of ours."""
    env_file = tmp_path / ".env"
    env_file.write_text("APP_NAME=x\nCALLS_WHISPER_MODEL=base\n")
    assert read_environment({"CALLS_WHISPER_MODELS": "y"}, env_file) == {"APP_NAME": "x"}
    assert plugin_variables(env_file) == {"CALLS_WHISPER_MODEL": "base"}


@pytest.mark.parametrize(
    "variables",
    [
        {"AUTH_SECRET": "x" * 31},
        {"AUTH_ENABLED": "true", "DATABASE_URL": "postgresql://db/calls"},
    ],
)
def test_a_weak_secret_is_refused(variables: dict[str, str]) -> None:
    """A short one, and none where several processes must share it; one of 32 characters will do."""
    with pytest.raises(SettingsError, match="AUTH_SECRET: "):
        load_settings(variables)
    assert load_settings(variables | {"AUTH_SECRET": "x" * 32})


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "memory://"),
        ({"REDIS_URL": "redis://cache"}, "redis://cache"),
        ({"REDIS_URL": "redis://cache", "BROKER_URL": "amqps://mq/calls"}, "amqps://mq/calls"),
        ({"REDIS_URL": "redis://cache", "BROKER_URL": "memory://"}, "memory://"),
        ({"BROKER_URL": "rediss://:secret@cache:6380/2"}, "rediss://:secret@cache:6380/2"),
    ],
)
def test_the_broker_is_chosen_by_its_url(variables: dict[str, str], url: str) -> None:
    """BROKER_URL decides; a REDIS_URL alone, as older set-ups have it, is the broker."""
    assert load_settings(variables).wake_ups_url == url


@pytest.mark.parametrize(
    ("named", "endpoint"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000/v1"),
        ("http://[::1]:8000/speech/v2", "http://[::1]:8000/speech/v2"),
    ],
)
def test_where_the_ai_service_is(named: str, endpoint: str) -> None:
    """A bare host means its /v1; any path is taken as it is."""
    assert load_settings({"AI_BASE_URL": named}).ai_endpoint == endpoint


def test_an_ai_service_is_used_when_it_is_named() -> None:
    """AI_BASE_URL alone adds the analyzer; ANALYZERS, where it is set, decides."""
    url = {"AI_BASE_URL": "http://ai"}
    assert load_settings(url).analyzer_names == ("signal", "ai")
    assert load_settings(url | {"ANALYZERS": "signal"}).analyzer_names == ("signal",)
    with pytest.raises(SettingsError, match="AI_BASE_URL"):
        load_settings({"ANALYZERS": "signal,ai"})
    with pytest.raises(SettingsError, match="name signal too"):
        load_settings(url | {"ANALYZERS": "pydub,ai"})


S3 = {"S3_ENABLED": "true", "S3_BUCKET": "calls", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}
MINIO = S3 | {"S3_ENDPOINT_URL": "minio:9000"}


@pytest.mark.parametrize(
    ("variables", "endpoint", "public"),
    [
        (S3 | {"S3_REGION": "eu-central-1"}, None, None),
        (MINIO, "https://minio:9000", None),
        (MINIO | {"S3_SECURE": "false"}, "http://minio:9000", None),
        (
            MINIO | {"S3_SECURE": "false", "S3_PUBLIC_ENDPOINT_URL": "https://s3.example/"},
            "http://minio:9000",
            "https://s3.example",
        ),
        (S3 | {"S3_ENDPOINT_URL": "http://[::1]:9000"}, "http://[::1]:9000", None),
    ],
)
def test_where_the_bucket_is(variables: dict[str, str], endpoint: str | None, public: str | None) -> None:
    """Without an address it is Amazon; an address may come without a scheme, as MinIO's does: S3_SECURE chooses it."""
    settings = load_settings(variables)
    assert (settings.s3_endpoint, settings.s3_public_endpoint) == (endpoint, public)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        (MINIO | {"S3_BUCKET": ""}, "S3_BUCKET"),
        (MINIO | {"S3_ACCESS_KEY": ""}, "S3_ACCESS_KEY"),
        (MINIO | {"S3_SECRET_KEY": ""}, "S3_SECRET_KEY"),
        (S3, "S3_REGION"),
        (MINIO | {"S3_ENDPOINT_URL": "http://minio:9000/calls"}, "S3_ENDPOINT_URL"),
        (MINIO | {"S3_ENDPOINT_URL": "ftp://minio"}, "S3_ENDPOINT_URL"),
        (MINIO | {"S3_ENDPOINT_URL": "http://user:pass@minio"}, "S3_ENDPOINT_URL"),
        (MINIO | {"S3_ENDPOINT_URL": "http://minio:none"}, "S3_ENDPOINT_URL"),
        (MINIO | {"S3_PUBLIC_ENDPOINT_URL": "https://"}, "S3_PUBLIC_ENDPOINT_URL"),
        (MINIO | {"MAX_UPLOAD_BYTES": "100000000000"}, "MAX_UPLOAD_BYTES"),
    ],
)
def test_half_an_s3_is_refused(variables: dict[str, str], named: str) -> None:
    """What is missing or malformed is named at the start, not at the first upload."""
    with pytest.raises(SettingsError, match=f"^{named}: "):
        load_settings(variables)


def test_an_empty_value_means_the_default() -> None:
    """Compose files pass variables that nobody has set as empty strings."""
    assert load_settings(dict.fromkeys(NAMES, "")) == Settings()


@pytest.mark.parametrize("field", sorted(SECRETS))
def test_secrets_are_never_shown(field: str) -> None:
    """What doctor prints helps to find a mistake and gives no password away."""
    url = field.endswith("_url")
    settings = Settings(**{field: "postgresql://bob:hunter2@db.example/calls" if url else "hunter2"})
    assert "hunter2" not in shown(settings, field)
    assert ("db.example" in shown(settings, field)) == url


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("postgresql://bob:hunter2@db.example:6432/calls", "postgresql://***@db.example:6432/calls"),
        ("postgresql://bob:12/hunter2@db.example/calls", "***"),
        ("postgresql://bob:12#hunter2@db.example/calls", "***"),
        ("postgresql://bob:hunter2@db.example:port/calls", "***"),
    ],
)
def test_an_address_is_shown_with_its_port(given: str, seen: str) -> None:
    """A wrong port is a common mistake; where a password tears the address apart, nothing of it is shown."""
    assert shown(Settings(database_url=given), "database_url") == seen


def test_a_secret_is_not_repeated_in_a_refusal() -> None:
    """A malformed secret is named, not quoted."""
    with pytest.raises(SettingsError) as refused:
        load_settings({"DATABASE_URL": "hunter2://bob"})
    assert "hunter2" not in str(refused.value)


def test_the_public_name() -> None:
    """It is that of PUBLIC_BASE_URL, which is checked although no AI service needs it."""
    assert load_settings({"PUBLIC_BASE_URL": "https://Calls.example:8443/api"}).public_names == {"calls.example"}
    assert load_settings({}).public_names == frozenset()
    with pytest.raises(SettingsError, match="PUBLIC_BASE_URL"):
        load_settings({"PUBLIC_BASE_URL": "calls.example"})
