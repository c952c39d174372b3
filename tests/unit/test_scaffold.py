"""The name of a new plugin, and its folder."""

from pathlib import Path

import pytest

from calls_app.scaffold import PluginName, write_plugin
from calls_core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "distribution", "module", "analyzer"),
    [
        ("calls-level", "calls-level", "calls_level", "level"),
        ("Loudest__Second", "loudest-second", "loudest_second", "loudest-second"),
        ("calls.3cx", "calls-3cx", "calls_3cx", "3cx"),
    ],
)
def test_everything_follows_from_the_name(text: str, distribution: str, module: str, analyzer: str) -> None:
    """It is normalized as package indexes do, becomes a module, and leaves out `calls-` as an analyzer."""
    name = PluginName.of(text)
    assert (name.distribution, name.module, name.analyzer) == (distribution, module, analyzer)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no name"),
        ("../x", "no name"),
        ("a b", "no name"),
        ("-x", "no name"),
        ("звук", "no name"),
        ("x" * 65, "no name"),
        ("3cx", "begin with a letter"),
        ("class", "cannot be imported"),
        ("json", "choose another name"),
        ("numpy", "choose another name"),
        ("calls-core", "choose another name"),
        ("calls-signal", "there is an analyzer 'signal' already"),
    ],
)
def test_names_that_cannot_work_are_refused(text: str, said: str) -> None:
    """No path, no module of somebody else, no analyzer that is there already; the message says what to do."""
    with pytest.raises(InvalidInput, match=said):
        PluginName.of(text)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder or file that is there stays as it is."""
    (tmp_path / "calls-level").write_text("mine")
    with pytest.raises(InvalidInput, match="exists already"):
        write_plugin(PluginName.of("calls-level"), tmp_path)
    assert (tmp_path / "calls-level").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """What the system says is in the message."""
    with pytest.raises(InvalidInput, match="No such file"):
        write_plugin(PluginName.of("calls-level"), tmp_path / "nowhere")
