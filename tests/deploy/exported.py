"""The names of everything that API and workers export for Prometheus."""

import re

from prometheus_client import CollectorRegistry

from calls_adapters.telemetry.prometheus import PrometheusTelemetry
from calls_adapters.telemetry.readings import ReadingsCollector
from calls_adapters.telemetry.tracing import LogContextOnly

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def exported_metrics() -> set[str]:
    """Return the names as queries write them."""
    registry = CollectorRegistry()
    PrometheusTelemetry(registry, LogContextOnly(), "1.0")
    readings = ReadingsCollector(registry)
    families = [*registry.collect(), *readings.describe()]
    return {
        family.name + suffix
        for family in families
        if family.name.startswith("calls_")
        for suffix in SUFFIXES[family.type]
    }


def metrics_in(query: str) -> set[str]:
    """Return the names of our metrics in *query*."""
    return set(re.findall(r"\bcalls_\w+", query))
