"""What the README says of recall and precision, measured again."""

from collections import Counter

import pytest
from calls_core.findings import Redaction
from calls_redact import RedactAnalyzer
from calls_redact.kinds import KINDS
from examples import LAYOUTS, Example, negatives, positives, told

ROUNDS = 12


def is_hidden(example: Example, redaction: Redaction) -> bool:
    """Whether no word of the secret is left, and something of its kind is muted."""
    assert example.secret
    common = {*example.before.split(), *example.after.split(), "Yes", "go", "on", "uh", "плюс"}
    secret = {word.strip(".,") for word in example.secret.split()} - common
    left = {word.strip(".,") for word in redaction.transcript.text.split()}
    return not secret & left and any(span.kind == example.kind for span in redaction.spans)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_recall_and_precision(layout: str) -> None:
    """At least 99 % of each kind are hidden whole, and at most 1 % of what only looks so is hidden."""
    analyzer, seen, missed = RedactAnalyzer(), Counter[str](), Counter[tuple[str, str]]()
    for example in positives(seed=7, rounds=ROUNDS):
        seen[example.kind] += 1
        if not is_hidden(example, analyzer.redact({"ai": told(example, layout)})):
            missed[example.kind, example.way] += 1
    for kind in KINDS:
        share = sum(count for (missed_kind, _), count in missed.items() if missed_kind == kind) / seen[kind]
        assert share <= 0.01, missed
    others = list(negatives(seed=8, rounds=ROUNDS))
    hidden = [example for example in others if analyzer.redact({"ai": told(example, layout)}).spans]
    assert len(hidden) / len(others) <= 0.01, hidden
