"""What authors of plugins read names everything that they can use."""

import dataclasses
import re
from pathlib import Path

from calls_core import testing
from calls_core.findings import Facts
from calls_core.hookspecs import AiService, AnalysisOptions
from calls_core.ports import Analyzer, Audio

DOCS = Path(__file__).parents[2] / "docs"


def named(page: str) -> set[str]:
    """Every word that stands as code in a page, without what follows it."""
    return set(re.findall(r"`(?:\w+\.)*(\w+)[^`]*`", (DOCS / page).read_text()))


def test_everything_that_a_hook_is_given_is_documented() -> None:
    """Each option of the operator, each thing that can be done with audio, each part of an analyzer."""
    fields = {field.name for cls in (AnalysisOptions, AiService, Audio, Facts) for field in dataclasses.fields(cls)}
    members = {name for name in vars(Analyzer) if not name.startswith("_")}
    hidden = {"filename", "decoder"}  # which ``decoded`` uses
    assert (fields | members | {"decoded"}) - named("reference/hooks.md") == hidden


def test_everything_for_tests_is_documented() -> None:
    """Each name of ``calls_core.testing`` has its row, and the contract's limits theirs."""
    limits = {name for name in vars(testing.AnalyzerContract) if name.endswith("_sec")} | {"tolerance"}
    assert set(testing.__all__) | limits <= named("reference/hooks.md")
