"""What Prometheus asks, and when it raises the alarm."""

import subprocess
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import yaml

from tests.capabilities import ROOT
from tests.deploy.exported import exported_metrics, metrics_in
from tests.servers.ports import free_port
from tests.servers.service import Service

FOLDER: Final = ROOT / "deploy" / "prometheus"
GUIDE: Final = ROOT / "docs" / "how-to" / "deploy-with-compose.md"


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


each_alert = pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, cwd=FOLDER)


@pytest.mark.requires("promtool")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    """Prometheus reads its configuration and rules, and each alert comes when it shall and not when it shall not."""
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requires("promtool")
def test_promtool_agrees_with_what_the_service_exports(tmp_path: Path) -> None:
    """The metrics of a running service follow Prometheus's rules for names, units and help. They are to be had without
    a credential where ``METRICS_PORT`` says, and only there."""
    port = free_port()
    with Service(tmp_path, AUTH_ENABLED="true", METRICS_PORT=str(port)) as service, service.client() as client:
        assert client.get("/metrics").status_code == 401
        exported = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text

    done = subprocess.run(["promtool", "check", "metrics"], input=exported, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "calls_oldest_unprocessed_age_seconds 0.0" in exported


@each_alert
def test_an_alert_asks_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    """A rule over a name that nobody exports would be silent for ever."""
    assert metrics_in(rule["expr"]) <= exported_metrics()


@each_alert
def test_an_alert_is_tried_and_explained(rule: dict[str, Any]) -> None:
    """Each has a case in which it comes, a sentence about what to do, and its row in the guide."""
    cases = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    coming = [
        check for case in cases for check in case["alert_rule_test"]
        if check["alertname"] == rule["alert"] and check["exp_alerts"]
    ]  # fmt: skip
    assert coming
    assert rule["annotations"].keys() == {"summary", "description"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert f"| `{rule['alert']}` |" in GUIDE.read_text()


def test_every_process_of_ours_is_asked() -> None:
    """The jobs are those that alerts and dashboard count on, at the ports where the containers listen."""
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    asked = {
        job["job_name"]: (found["names"][0], found["port"]) for job in jobs for found in job.get("dns_sd_configs", ())
    }
    assert asked == {"calls-api": ("api", 9100), "calls-worker": ("worker", 9100)}
    for name in ("api", "worker"):
        assert compose[name]["environment"]["METRICS_PORT"] == "9100"
