"""What the tutorial says is what happens."""

import json
from pathlib import Path

import pytest

from tests.docs.walkthrough import Block, Reader, blocks

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "your-own-analyzer.md"


@pytest.mark.requires("curl")
def test_a_plugin_is_made_installed_and_seen_in_the_api(tmp_path: Path) -> None:
    """From the first command to the last: made, installed by pip, tried, changed, seen in the API."""
    answers = []
    with Reader(tmp_path) as reader:
        for block in blocks(TUTORIAL):
            if block.language == "json":
                recording = reader.recording()
                assert recording["findings"]["level"]["values"] == json.loads(block.text)
                answers.append({step["analyzer"]: step["version"] for step in recording["steps"]})
            else:
                reader.follow(block)
    assert answers == [{"signal": "1", "level": "1"}, {"signal": "1", "level": "2"}]


def test_commands_are_read_as_a_shell_reads_them() -> None:
    """A command may go on in the next line; what stands below it is what it prints."""
    block = Block("console", "$ a \\\n    b\nsaid\n$ c\n", None)
    assert block.commands == [("a      b", ["said"]), ("c", [])]
