"""What is not counted here but read when somebody asks: the queue, and whether the parts answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(slots=True)
class Readings:
    """The latest values; None: they could not be read, so none are shown."""

    jobs: Mapping[str, int] | None = None
    oldest_age_sec: float | None = None
    deliveries: Mapping[str, int] | None = None
    oldest_delivery_age_sec: float | None = None
    parts: Mapping[str, bool] = field(default_factory=dict)


class ReadingsCollector(Collector):
    """Shows *latest*, which somebody keeps up to date, and counts with ``failed`` what could not be read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latest = Readings()
        self.failed = Counter(
            "calls_scrape_errors", "How often the queue could not be read for the metrics.", registry=registry
        )
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        return _families()

    def collect(self) -> Iterator[Metric]:
        jobs, oldest, deliveries, oldest_delivery, parts = _families()
        if self.latest.jobs is not None:
            for state, number in self.latest.jobs.items():
                jobs.add_metric([state], number)
            yield jobs
        if self.latest.oldest_age_sec is not None:
            oldest.add_metric([], self.latest.oldest_age_sec)
            yield oldest
        if self.latest.deliveries is not None:
            for state, number in self.latest.deliveries.items():
                deliveries.add_metric([state], number)
            yield deliveries
        if self.latest.oldest_delivery_age_sec is not None:
            oldest_delivery.add_metric([], self.latest.oldest_delivery_age_sec)
            yield oldest_delivery
        for part, is_up in self.latest.parts.items():
            parts.add_metric([part], float(is_up))
        yield parts


def _families() -> Sequence[GaugeMetricFamily]:
    return (
        GaugeMetricFamily("calls_jobs", "Jobs in the database that have not ended.", labels=["state"]),
        GaugeMetricFamily(
            "calls_oldest_unprocessed_age_seconds", "Age of the oldest job that has not ended; 0 when there is none."
        ),
        GaugeMetricFamily("calls_deliveries_waiting", "Events on their way to webhooks.", labels=["state"]),
        GaugeMetricFamily(
            "calls_oldest_delivery_age_seconds",
            "Age of the oldest event on its way to an enabled webhook; 0 when there is none.",
        ),
        GaugeMetricFamily("calls_part_up", "Whether a part behind the service answers.", labels=["part"]),
    )
