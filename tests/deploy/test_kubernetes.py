"""The manifests, as far as they can be judged without a cluster."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from calls_app.environment import load_settings, read_environment
from calls_app.server import SHUTDOWN_SECONDS
from calls_app.settings import NAMES
from calls_app.worker import GRACE
from tests.capabilities import ROOT
from tests.deploy.exported import exported_metrics, metrics_in

FOLDER: Final = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
VERSIONS: Final = ("1.30", kubernetes_validate.latest_version().rpartition(".")[0])

# Made by KEDA and by the Prometheus operator, whose schemas are not Kubernetes's own.
OF_OTHERS: Final = ("ScaledObject", "PodMonitor")

MANIFESTS: Final[list[dict[str, Any]]] = [
    manifest
    for file in sorted(FOLDER.glob("*.yaml"))
    if file.name != "kustomization.yaml"
    for manifest in yaml.safe_load_all(file.read_text())
]
PODS: Final = {m["metadata"]["name"]: m["spec"]["template"] for m in MANIFESTS if "template" in m.get("spec", {})}

each_pod = pytest.mark.parametrize("name", PODS)


def one(kind: str, name: str) -> dict[str, Any]:
    return next(m for m in MANIFESTS if (m["kind"], m["metadata"]["name"]) == (kind, name))


def variables(name: str) -> dict[str, str]:
    lines = [line for line in (FOLDER / name).read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_kubernetes_knows_every_field(manifest: dict[str, Any], version: str) -> None:
    """Each manifest follows the strict schema of the oldest release that we name, and of the newest."""
    if manifest["kind"] in OF_OTHERS:
        with pytest.raises(kubernetes_validate.SchemaNotFoundError):
            kubernetes_validate.validate(manifest, version, strict=True)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_kustomize_takes_every_file_in() -> None:
    """Whatever lies in the folder is named; only the part for the Prometheus operator must be asked for."""
    files = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(KUSTOMIZATION["resources"]) == files - {"monitoring.yaml"}
    assert KUSTOMIZATION["secretGenerator"][0]["envs"] == ["secrets.env"]
    assert not (FOLDER / "secrets.env").exists()


def test_the_service_accepts_its_settings() -> None:
    """Our own check has nothing against what the containers get, once the secrets are filled in."""
    secrets = variables("secrets.env.example")
    assert set(secrets.values()) == {""}
    filled = {"DATABASE_URL": "postgresql://calls:x@db/calls", "BROKER_URL": "amqp://calls:x@broker/"}
    environment = variables("config.env") | dict.fromkeys(secrets, "x" * 32) | filled
    settings = load_settings(read_environment(environment, Path("no .env")))
    assert settings.s3_enabled
    assert settings.auth_enabled
    assert environment.keys() - NAMES.keys() == {"FORWARDED_ALLOW_IPS"}  # uvicorn's


@each_pod
def test_a_pod_is_restricted(name: str) -> None:
    """It meets the strictest of Kubernetes's standards, which the namespace enforces, and cannot write to its root."""
    pod = PODS[name]["spec"]
    assert one("Namespace", "calls")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    # Kubernetes would add variables such as API_PORT, and an unknown name may look like a setting of ours.
    assert pod["enableServiceLinks"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@each_pod
def test_a_pod_is_selected_by_its_own_labels(name: str) -> None:
    """Deployment, budget, autoscaler and policy mean the same pods."""
    labels = PODS[name]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/name": name}
    if name != "migrate":
        assert one("Deployment", name)["spec"]["selector"]["matchLabels"] == labels
        assert one("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == labels
        assert "replicas" not in one("Deployment", name)["spec"]  # the autoscaler's business


@pytest.mark.parametrize(("name", "needed"), [("api", timedelta(seconds=SHUTDOWN_SECONDS + 5)), ("worker", GRACE)])
def test_work_may_end_before_the_process_is_killed(name: str, needed: timedelta) -> None:
    """Kubernetes waits longer than the service takes to stop, the pause before the signal included."""
    assert PODS[name]["spec"]["terminationGracePeriodSeconds"] >= needed.total_seconds() + 5


def test_probes_ask_the_right_question() -> None:
    """A part that is down takes an API out of the traffic and kills nothing."""
    api, worker = (PODS[name]["spec"]["containers"][0] for name in ("api", "worker"))
    assert api["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert api["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert worker["livenessProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics"}
    for container in (api, worker):
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        assert ports["metrics"] == variables("config.env")["METRICS_PORT"]


def test_the_api_is_closed() -> None:
    """Accounts are on, whoever may speak to it is named by a label, all the rest of the cluster is shut out, and who
    reads the metrics reaches nothing else."""
    assert "--insecure" not in PODS["api"]["spec"]["containers"][0]["args"]
    metrics = one("NetworkPolicy", "metrics")["spec"]["ingress"]
    assert [rule["ports"] for rule in metrics] == [[{"protocol": "TCP", "port": "metrics"}]]
    assert one("NetworkPolicy", "closed")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    gateway = one("NetworkPolicy", "gateway")["spec"]["ingress"]
    assert [rule["from"] for rule in gateway] == [[{"namespaceSelector": {"matchLabels": {"calls-gateway": "true"}}}]]
    assert not [manifest for manifest in MANIFESTS if manifest["kind"] == "Ingress"]
    assert "type" not in one("Service", "api")["spec"]


def test_workers_scale_on_the_age_of_the_queue() -> None:
    """The query names a metric that exists, by its whole value."""
    scaled = one("ScaledObject", "worker")["spec"]
    trigger = scaled["triggers"][0]
    assert scaled["scaleTargetRef"] == {"name": "worker"}
    assert metrics_in(trigger["metadata"]["query"]) == {"calls_oldest_unprocessed_age_seconds"} & exported_metrics()
    assert trigger["metricType"] == "Value"
    assert 2 <= scaled["minReplicaCount"] < scaled["maxReplicaCount"]


def test_the_operator_scrapes_the_same_jobs() -> None:
    """Alerts and dashboard find the jobs that they count on, each at the port that needs no credential."""
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    monitors = {
        m["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["replacement"]
        for m in MANIFESTS
        if m["kind"] == "PodMonitor"
    }
    assert monitors == {job["job_name"] for job in jobs} - {"prometheus"}
    for manifest in MANIFESTS:
        if manifest["kind"] == "PodMonitor":
            assert [endpoint["port"] for endpoint in manifest["spec"]["podMetricsEndpoints"]] == ["metrics"]
