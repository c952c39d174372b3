"""The compose file, as far as it can be judged without an engine."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from calls_app.environment import load_settings, read_environment
from calls_app.server import SHUTDOWN_SECONDS
from calls_app.settings import NAMES
from calls_app.worker import GRACE
from tests.capabilities import ROOT

DEPLOY: Final = ROOT / "deploy"
TEXT: Final = (DEPLOY / "compose.yaml").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = ("api", "worker", "migrate")

VARIABLE: Final = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?([^}]*)\}")
ASSIGNED: Final = re.compile(r"^#?([A-Z0-9_]+)=(.*)$", re.MULTILINE)
EXAMPLE: Final = ASSIGNED.findall((DEPLOY / ".env.example").read_text())

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
ACTIONS: Final = {
    "put_object": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "delete_object": "s3:DeleteObject",
}

each_service = pytest.mark.parametrize("name", SERVICES)


def test_it_is_a_compose_file() -> None:
    """It follows the schema of the Compose specification."""
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@each_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    """Read-only root file system, no capabilities, no new privileges, limits of memory, processors and processes."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert "privileged" not in service
    assert name == "minio-folder" or "cap_add" not in service
    if name not in {*OURS, "minio-folder"}:  # ours have theirs in the image
        assert str(service["user"]).partition(":")[0] not in {"0", "root"}


def test_only_two_doors_are_published() -> None:
    """They are nginx and Grafana, on this machine's own address unless told otherwise. No other port can be reached."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"nginx", "grafana"}
    assert all(port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:") for ports in published.values() for port in ports)


def test_what_holds_data_cannot_be_reached_from_outside() -> None:
    """Databases, broker, storage and Prometheus are on a network without a way out."""
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "redis", "rabbitmq", "minio", "prometheus"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_accounts_are_on() -> None:
    """Nothing says that somebody else checks who comes."""
    assert SERVICES["api"]["environment"]["AUTH_ENABLED"] == "true"
    assert "--insecure" not in TEXT


def test_the_api_believes_nginx_and_nobody_else() -> None:
    """They meet on one network only, where its address is given to nobody else: from any other, what a header says
    about where a client is counts for nothing."""
    nginx, api = SERVICES["nginx"]["networks"], SERVICES["api"]["networks"]
    assert set(nginx) & set(api) == {"inside"}
    address = nginx["inside"]["ipv4_address"]
    assert SERVICES["api"]["environment"]["FORWARDED_ALLOW_IPS"] == f"${{FORWARDED_ALLOW_IPS:-{address}}}"
    (inside,) = COMPOSE["networks"]["inside"]["ipam"]["config"]
    assert ip_address(address) in ip_network(inside["subnet"])
    assert ip_address(address) not in ip_network(inside["ip_range"])
    (door,) = COMPOSE["networks"]["door"]["ipam"]["config"]
    assert dict(EXAMPLE)["FORWARDED_ALLOW_IPS"] == f"{address},{door['gateway']}"


def test_no_secret_has_a_default() -> None:
    """Each must be given, but those of an AI service, which there need not be; the example gives none."""
    secret = re.compile(r"PASSWORD|(?<!LINK_)(?<!CALLBACK_)SECRET|ROOT_USER|ACCESS_KEY")
    used = {(name, mark) for name, mark, _ in VARIABLE.findall(TEXT) if secret.search(name)}
    assert {mark for _, mark in used} == {":?"}
    given = dict(EXAMPLE)
    assert {name for name, _ in used} <= given.keys()
    assert {name: given[name] for name, _ in used if "PASSWORD" in name or "SECRET" in name} == {
        name: "" for name, _ in used if "PASSWORD" in name or "SECRET" in name
    }


def test_the_example_names_nothing_unknown() -> None:
    """Every variable of .env.example is one that the compose file reads, or Compose itself."""
    read = {name for name, _, _ in VARIABLE.findall(TEXT)}
    assert {name for name, _ in EXAMPLE} - read == {"COMPOSE_PROFILES"}


@pytest.mark.parametrize("broker", [value for name, value in EXAMPLE if name == "BROKER_URL"] + [""])
@pytest.mark.parametrize("name", OURS)
def test_the_service_accepts_its_settings(name: str, broker: str) -> None:
    """With either broker or none, our own check of the settings has nothing against what the containers get."""
    given = {**{name: value or "s3cret" * 6 for name, value in EXAMPLE}, "BROKER_URL": broker}
    for _ in range(2):  # the broker's address names its password
        given = {key: _filled(value, given) for key, value in given.items()}
    environment = {key: _filled(value, given) for key, value in SERVICES[name]["environment"].items()}
    settings = load_settings(read_environment(environment, Path("no .env")))

    assert settings.s3_enabled
    assert settings.auth_enabled
    assert not settings.is_embedded
    assert environment.keys() - NAMES.keys() <= {"FORWARDED_ALLOW_IPS"}  # that one is uvicorn's
    assert "$" not in settings.broker_url


def _filled(value: str, given: dict[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        name, mark, default = found.groups()
        return given.get(name) or (default if mark == ":-" else "")

    return VARIABLE.sub(one, value)


@pytest.mark.parametrize(("name", "needed"), [("api", timedelta(seconds=SHUTDOWN_SECONDS)), ("worker", GRACE)])
def test_work_may_end_before_the_process_is_killed(name: str, needed: timedelta) -> None:
    """The engine waits longer than the service takes to stop."""
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= needed.total_seconds() + 5


def test_what_is_needed_is_waited_for() -> None:
    """API and workers start on a migrated database and with a bucket, and do not wait for a broker."""
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "postgres": {"condition": "service_healthy"},
            "bucket": {"condition": "service_completed_successfully"},
        }
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or other == "api" or "healthcheck" in SERVICES[other]


def test_brokers_are_chosen_by_profile() -> None:
    """Nothing else is optional."""
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "redis": ["redis"],
        "rabbitmq": ["rabbitmq"],
    }


def test_the_storage_account_may_do_what_the_service_does() -> None:
    """Every operation that our storage asks of S3 is in its policy, for the bucket that the service is given."""
    code = "".join(file.read_text() for file in (ROOT / "src/calls_adapters/storage").glob("s3*.py"))
    asked = set(re.findall(r"client\.(?:get_paginator\(\")?(\w+)\"?[()]", code))
    policy = json.loads((DEPLOY / "minio" / "policy.json").read_text())["Statement"]
    granted = {action for statement in policy for action in statement["Action"]}

    assert {"put_object", "upload_part", "list_multipart_uploads"} <= asked <= ACTIONS.keys()
    assert {ACTIONS[operation] for operation in asked} <= granted
    buckets = {resource.removeprefix("arn:aws:s3:::").partition("/")[0] for s in policy for resource in s["Resource"]}
    assert buckets == {COMPOSE["x-settings"]["S3_BUCKET"]} == {SERVICES["bucket"]["environment"]["S3_BUCKET"]}


@each_service
def test_images_are_pinned(name: str) -> None:
    """A start next year gets what was tried, not what is newest then."""
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert name in OURS or re.search(r"\d", tag)


@each_service
def test_mounted_files_are_there(name: str) -> None:
    """What a container is given from this folder exists, and it cannot write to it."""
    for volume in SERVICES[name].get("volumes", ()):
        if isinstance(volume, str) and volume.startswith("."):
            source, _, mode = volume.split(":")
            assert (DEPLOY / source).exists()
            assert mode == "ro"
