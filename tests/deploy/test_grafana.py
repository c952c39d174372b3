"""The dashboard: that what it asks for exists, and can be asked."""

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.capabilities import ROOT
from tests.deploy.exported import exported_metrics, metrics_in

FOLDER: Final = ROOT / "deploy" / "grafana"
DASHBOARD: Final[dict[str, Any]] = json.loads((FOLDER / "dashboards" / "calls.json").read_text())
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]


def queries() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel.get("targets", ())]


def test_every_query_asks_for_metrics_that_exist() -> None:
    """A panel over a name that nobody exports would be empty for ever."""
    asked = {name for query in queries() for name in metrics_in(query)}
    assert asked
    assert asked <= exported_metrics()


def test_every_metric_is_shown() -> None:
    """Whatever the service exports has its panel; of a histogram, its buckets."""
    asked = {name for query in queries() for name in metrics_in(query)}
    assert {name for name in exported_metrics() if not name.endswith(("_sum", "_count"))} <= asked


@pytest.mark.requires("promtool")
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    """Each is PromQL once Grafana has put its interval in."""
    rules = [
        {"record": f"panel:query{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    done = subprocess.run(["promtool", "check", "rules", file], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "$" not in file.read_text()


def test_panels_have_places_of_their_own() -> None:
    """None lies over another or beyond the edge, and ids are unique."""
    places = [panel["gridPos"] for panel in PANELS]
    for one, other in itertools.combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_the_data_source_is_the_provisioned_one() -> None:
    """Every panel asks the data source of the dashboard's variable, whose default is the one that Grafana is given."""
    source = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    variable = DASHBOARD["templating"]["list"][0]
    assert variable["current"]["value"] == source["uid"]
    assert {panel["datasource"]["uid"] for panel in PANELS if "targets" in panel} == {"${datasource}"}
    assert source["url"] == "http://prometheus:9090"


def test_grafana_finds_the_dashboard_where_it_is_mounted() -> None:
    """The provider's folder, the home page and the mount name the same place."""
    grafana = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["grafana"]
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/calls.yaml").read_text())["providers"][0]
    path = provider["options"]["path"]
    assert f"./grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{path}/calls.json"
