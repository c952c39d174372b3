"""Masks in transcripts what not everybody may read or hear: card numbers, IBANs, phone numbers, e-mail addresses."""

import os
from collections.abc import Sequence
from typing import Final

import phonenumbers
from calls_core.hookspecs import hookimpl
from calls_core.ports import Analyzer

from calls_redact.analyzer import TRANSCRIBERS, RedactAnalyzer
from calls_redact.kinds import KINDS, REGIONS

__all__ = ["RedactAnalyzer", "calls_analyzers"]

AFTER: Final = "CALLS_REDACT_AFTER"
REGIONS_SETTING: Final = "CALLS_REDACT_REGIONS"
KINDS_SETTING: Final = "CALLS_REDACT_KINDS"


@hookimpl
def calls_analyzers() -> Sequence[Analyzer]:
    """Offer the analyzer; ``ANALYZERS`` decides whether it runs.

    Raises:
        ValueError: a setting names a kind or a region that does not exist.
    """
    kinds = _listed(KINDS_SETTING, KINDS)
    if unknown := set(kinds) - set(KINDS):
        raise ValueError(f"{KINDS_SETTING}: {min(unknown)!r} is none of {', '.join(KINDS)}")
    regions = tuple(region.upper() for region in _listed(REGIONS_SETTING, REGIONS))
    if unknown := set(regions) - phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{REGIONS_SETTING}: {min(unknown)!r} is no ISO 3166 code of a country")
    return [RedactAnalyzer(after=_listed(AFTER, TRANSCRIBERS), regions=regions, kinds=kinds)]


def _listed(name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in os.environ.get(name, "").split(",") if word.strip()))
    return words or default
