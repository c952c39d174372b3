"""The decisions, which others refer to by their numbers."""

from tests.capabilities import ROOT


def test_each_decision_has_a_number_of_its_own() -> None:
    """They are counted without a gap, and each says its number in its title, too."""
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [file.name[:5] for file in files] == [f"{number:04}-" for number in range(1, len(files) + 1)]
    for number, file in enumerate(files, 1):
        assert file.read_text().startswith(f"# {number}. ")
