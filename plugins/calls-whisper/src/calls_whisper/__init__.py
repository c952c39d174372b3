"""Transcribes calls offline, by Whisper on the CPU."""

import os
from collections.abc import Sequence

from calls_core.hookspecs import AnalysisOptions, hookimpl
from calls_core.ports import Analyzer

from calls_whisper.analyzer import WhisperAnalyzer
from calls_whisper.settings import WhisperSettings, read_settings

__all__ = ["WhisperAnalyzer", "WhisperSettings", "calls_analyzers"]


@hookimpl
def calls_analyzers(options: AnalysisOptions) -> Sequence[Analyzer]:
    """Offer the analyzer; ``ANALYZERS`` decides whether it runs."""
    return [WhisperAnalyzer(read_settings(os.environ), options)]
