"""The hooks that plugins implement. A hook implementation takes only the arguments that it names."""

from collections.abc import Sequence
from dataclasses import dataclass

import pluggy

from calls_core.ports import Analyzer

hookspec = pluggy.HookspecMarker("calls")
hookimpl = pluggy.HookimplMarker("calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOptions:
    """What the operator has set for all analyzers. *silence_threshold_dbfs* is compared with the RMS of 10 ms."""

    silence_threshold_dbfs: float = -40.0
    silence_min_sec: float = 0.7
    max_duration_sec: float = 8 * 3600


@hookspec
def calls_analyzers(options: AnalysisOptions) -> Sequence[Analyzer]:  # type: ignore[empty-body]
    """Return the analyzers this plugin offers.

    Called once per process, at start-up, before any recording is read: build cheap objects here and load models on
    first use.
    """
