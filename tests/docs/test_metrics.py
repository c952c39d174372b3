"""The reference of metrics names every metric there is, with its labels, and none that is not."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from calls_adapters.telemetry.prometheus import PrometheusTelemetry
from calls_adapters.telemetry.readings import Readings, ReadingsCollector
from calls_adapters.telemetry.tracing import LogContextOnly

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def exported() -> dict[str, str]:
    """Each of our metrics as Prometheus knows it, with its type."""
    registry = CollectorRegistry()
    PrometheusTelemetry(registry, LogContextOnly(), "0")
    ReadingsCollector(registry).latest = Readings(
        jobs={}, oldest_age_sec=0.0, deliveries={}, oldest_delivery_age_sec=0.0
    )
    return {
        f"{metric.name}_total" if metric.type == "counter" else metric.name: metric.type
        for metric in registry.collect()
        if metric.name.startswith("calls_")
    }


def test_every_metric_is_documented() -> None:
    """A metric that is added, renamed or dropped is so in the page, too, with its type."""
    rows = re.findall(r"^\| `(calls_\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows))
    assert dict(rows) == exported()
