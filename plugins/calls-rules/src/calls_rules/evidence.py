"""What rules are checked against: the findings of other analyzers, read once per call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from calls_core.errors import Reason
from calls_core.findings import Facts, Finding, Signal, Transcript

from calls_rules.phrases import Talk, talks

CONVERSATION: Final = "conversation"


class NotCheckable(Exception):
    """What a condition needs was not found in this call; the message tells what."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """Those values of the finding ``conversation`` that rules use. Lists have one item per channel, but for spans."""

    duration_sec: float | None = None
    dead_air_min_sec: float | None = None
    dead_air_spans_sec: tuple[tuple[float, float], ...] | None = None
    talk_share: tuple[float, ...] | None = None
    interruptions: tuple[int, ...] | None = None
    interruptions_at_sec: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFindings:
    """The findings of one call. Each property that is not there raises ``NotCheckable``.

    Of several transcripts the first counts, in the order of analyzers given.
    """

    transcript_found: Transcript | None
    talks: Sequence[Talk]
    signal_found: Signal | None
    conversation_found: Facts | None

    @classmethod
    def of(cls, findings: Mapping[str, Finding], order: Sequence[str]) -> "CallFindings":
        ordered = [findings[name] for name in dict.fromkeys((*order, *findings)) if name in findings]
        transcript = next((finding for finding in ordered if isinstance(finding, Transcript)), None)
        conversation = findings.get(CONVERSATION)
        return cls(
            transcript_found=transcript,
            talks=talks(transcript) if transcript else (),
            signal_found=next((finding for finding in ordered if isinstance(finding, Signal)), None),
            conversation_found=conversation if isinstance(conversation, Facts) else None,
        )

    @property
    def caveat(self) -> Reason | None:
        """What limits the findings, and so whatever is told from them."""
        found = (self.signal_found, self.transcript_found, self.conversation_found)
        return next((finding.caveat for finding in found if finding and finding.caveat), None)

    @property
    def transcript(self) -> Transcript:
        if self.transcript_found is None:
            raise NotCheckable("there is no transcript")
        return self.transcript_found

    @property
    def signal(self) -> Signal:
        if self.signal_found is None:
            raise NotCheckable("there is no finding of the kind signal")
        return self.signal_found

    @property
    def conversation(self) -> Conversation:
        if self.conversation_found is None:
            raise NotCheckable(f"there is no finding {CONVERSATION}")
        try:
            return msgspec.convert(self.conversation_found.values, Conversation)
        except msgspec.ValidationError as error:
            raise NotCheckable(f"the finding {CONVERSATION} cannot be read: {error}") from error

    @property
    def duration_sec(self) -> float:
        if self.signal_found is not None:
            return self.signal_found.duration_sec
        if self.conversation_found is not None and self.conversation.duration_sec is not None:
            return self.conversation.duration_sec
        raise NotCheckable(f"the duration is not known: there is neither signal nor {CONVERSATION}")
