"""Puts tags and categories on calls by rules over what other analyzers found."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from calls_core.hookspecs import hookimpl
from calls_core.ports import Analyzer

from calls_rules.analyzer import RulesAnalyzer
from calls_rules.rules import Rule, read_rules

__all__ = ["Rule", "RulesAnalyzer", "calls_analyzers", "read_rules"]

RULES_FILE: Final = "CALLS_RULES_FILE"

_log = logging.getLogger("calls.rules")


@hookimpl
def calls_analyzers() -> Sequence[Analyzer]:
    """Offer the analyzer; ``ANALYZERS`` decides whether it runs.

    Raises:
        ValueError: the file that ``CALLS_RULES_FILE`` names cannot be read; the message names file, rule and key.
    """
    named = os.environ.get(RULES_FILE, "").strip()
    if not named:
        _log.info("%s is not set: the analyzer rules has no rules", RULES_FILE)
        return [RulesAnalyzer()]
    rules = read_rules(Path(named))
    _log.info("%d rules from %s", len(rules), named)
    return [RulesAnalyzer(rules)]
