"""The plugin's variables, and how Calls finds it."""

import subprocess
import sys

import pytest
from calls_adapters.plugins import load_plugins
from calls_core.hookspecs import AnalysisOptions
from calls_whisper import WhisperSettings
from calls_whisper.settings import read_settings


def test_nothing_set_means_the_defaults() -> None:
    """An empty value counts as none."""
    assert read_settings({"PATH": "/bin", "CALLS_WHISPER_MODEL": " "}) == WhisperSettings(model="base", threads=1)


def test_all_variables() -> None:
    """Each is read, and languages are written in lower case."""
    environ = {"MODEL": "small", "LANGUAGE": "RU", "THREADS": "4", "DOWNLOAD": "true"}
    settings = read_settings({f"CALLS_WHISPER_{name}": value for name, value in environ.items()})
    assert settings == WhisperSettings(model="small", language="ru", threads=4, download=True)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("THREADS", "many", "CALLS_WHISPER_THREADS must be a number from 1 to 64, not 'many'"),
        ("THREADS", "0", "from 1 to 64, not '0'"),
        ("DOWNLOAD", "maybe", "CALLS_WHISPER_DOWNLOAD must be true or false, not 'maybe'"),
        ("MODELS", "base", "CALLS_WHISPER_MODELS is not a setting of calls-whisper; there are CALLS_WHISPER_MODEL"),
    ],
)
def test_mistakes_are_named(name: str, value: str, says: str) -> None:
    """By the variable, what it must be and what it is."""
    with pytest.raises(ValueError, match=says):
        read_settings({f"CALLS_WHISPER_{name}": value})


def test_calls_finds_it() -> None:
    """Installed beside Calls, it is offered by its entry point, after ``signal``."""
    [plugin] = [p for p in load_plugins(AnalysisOptions()) if p.distribution == "calls-whisper"]
    assert plugin.error is None
    assert [(analyzer.name, tuple(analyzer.after)) for analyzer in plugin.analyzers] == [("whisper", ("signal",))]


def test_offering_it_loads_no_heavy_library() -> None:
    """A process that does not transcribe pays nothing for the plugin that lies beside it."""
    program = (
        "import sys; from calls_core.hookspecs import AnalysisOptions; import calls_whisper;"
        "calls_whisper.calls_analyzers(AnalysisOptions());"
        "print(sorted({'numpy', 'faster_whisper', 'ctranslate2', 'onnxruntime'} & sys.modules.keys()))"
    )
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert shown.stdout == "[]\n"


def test_a_mistake_is_told_where_plugins_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls starts, and says what is wrong with the plugin."""
    monkeypatch.setenv("CALLS_WHISPER_THREADS", "-1")
    [plugin] = [p for p in load_plugins(AnalysisOptions()) if p.distribution == "calls-whisper"]
    assert plugin.error == "ValueError: CALLS_WHISPER_THREADS must be a number from 1 to 64, not '-1'"
