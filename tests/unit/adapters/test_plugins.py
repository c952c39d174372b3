"""Finding analyzers in installed distributions."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from calls_adapters import plugins
from calls_adapters.plugins import Plugin, choose_analyzers, load_plugins
from calls_core.hookspecs import AnalysisOptions, hookimpl
from tests.unit.core.conftest import Scripted


class Good:
    @hookimpl
    def calls_analyzers(self, options: AnalysisOptions) -> Sequence[Scripted]:
        return [Scripted(f"min-{options.silence_min_sec}")]


class Misspelt:
    @hookimpl
    def calls_analysers(self) -> Sequence[Scripted]:
        return []


class Broken:
    @hookimpl
    def calls_analyzers(self) -> Sequence[Scripted]:
        msg = "no model"
        raise RuntimeError(msg)


def offer(monkeypatch: pytest.MonkeyPatch, **found: Any) -> None:
    """Have the entry points of this test stand for those that are installed."""
    entries = [EntryPoint(name=name, value=f"{name}:x", group="calls") for name in found]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    monkeypatch.setattr(EntryPoint, "load", lambda entry: found[entry.name])


def test_plugins_get_what_they_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook takes the arguments that it names and no others."""
    offer(monkeypatch, good=Good())
    [plugin] = load_plugins(AnalysisOptions(silence_min_sec=2))
    assert [analyzer.name for analyzer in plugin.analyzers] == ["min-2"]


def test_a_broken_plugin_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt hook and a raising one are reported by name; the good one loads."""
    offer(monkeypatch, broken=Broken(), good=Good(), misspelt=Misspelt())
    loaded = {plugin.name: plugin for plugin in load_plugins(AnalysisOptions())}
    assert loaded["broken"].error == "RuntimeError: no model"
    assert "calls_analysers" in str(loaded["misspelt"].error)
    assert loaded["good"].analyzers
    assert "plugin broken" in caplog.text


def test_the_built_in_analyzers_are_plugins_too() -> None:
    """The analyzers signal and pydub come in by the same door as everybody's."""
    names = {analyzer.name for plugin in load_plugins(AnalysisOptions()) for analyzer in plugin.analyzers}
    assert {"signal", "pydub"} <= names


@pytest.mark.parametrize(
    ("names", "said"),
    [(["nope"], "no analyzer 'nope'"), (["twice"], "offered by a and b"), (["one", "one"], "given twice")],
)
def test_a_choice_that_cannot_be_made_is_named(names: list[str], said: str) -> None:
    """Unknown, doubly offered and doubly chosen analyzers stop the start with one line."""
    found = [
        Plugin(name="a", distribution="a", version="1", analyzers=(Scripted("one"), Scripted("twice"))),
        Plugin(name="b", distribution="b", version="1", analyzers=(Scripted("twice"),)),
    ]
    with pytest.raises(ValueError, match=said):
        choose_analyzers(found, names)


def test_analyzers_that_wait_for_each_other_are_refused() -> None:
    """A circle would leave every recording unfinished."""
    circle = (Scripted("one", after=("two",)), Scripted("two", after=("one",)))
    with pytest.raises(ValueError, match="waits for"):
        choose_analyzers([Plugin(name="a", distribution="a", version="1", analyzers=circle)], ["one", "two"])


def test_the_order_is_the_operators() -> None:
    """Steps run in the order of ANALYZERS."""
    found = [Plugin(name="a", distribution="a", version="1", analyzers=(Scripted("one"), Scripted("two")))]
    assert [analyzer.name for analyzer in choose_analyzers(found, ["two", "one"])] == ["two", "one"]
