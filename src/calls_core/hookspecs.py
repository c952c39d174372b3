"""The hooks that plugins implement. A hook implementation takes only the arguments that it names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pluggy

from calls_core.ports import Analyzer

hookspec = pluggy.HookspecMarker("calls")
hookimpl = pluggy.HookimplMarker("calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class AiService:
    """The AI service that the operator has named, and how much of it one request may use.

    *base_url* ends where ``/audio/transcriptions`` or ``/jobs`` begins, without a slash. *language* is an ISO 639-1
    code; None lets the service find out. *timeout_sec* is for a whole request. *api_key* is a secret: it is left out of
    ``repr``. *protocol* is ``async`` where jobs are submitted and answered later; *poll_sec* is then how often to ask
    for an answer that nobody brings.
    """

    base_url: str
    api_key: str = field(default="", repr=False)
    model: str = "whisper-1"
    language: str | None = None
    timeout_sec: float = 300.0
    max_piece_sec: float = 600.0
    max_upload_bytes: int = 24_000_000
    max_answer_bytes: int = 8 << 20
    protocol: Literal["openai", "async"] = "openai"
    poll_sec: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOptions:
    """What the operator has set for all analyzers. *silence_threshold_dbfs* is compared with the RMS of 10 ms.

    *ai* is None where no AI service is named.
    """

    silence_threshold_dbfs: float = -40.0
    silence_min_sec: float = 0.7
    max_duration_sec: float = 8 * 3600
    ai: AiService | None = None


@hookspec
def calls_analyzers(options: AnalysisOptions) -> Sequence[Analyzer]:  # type: ignore[empty-body]
    """Return the analyzers this plugin offers.

    Called once per process, at start-up, before any recording is read: build cheap objects here and load models on
    first use.
    """
