"""Who talked how much, who waited for whom, and who broke in: told from the sound alone, without AI."""

from collections.abc import Sequence

from calls_core.hookspecs import hookimpl
from calls_core.ports import Analyzer

from calls_conversation.analyzer import ConversationAnalyzer

__all__ = ["ConversationAnalyzer", "calls_analyzers"]


@hookimpl
def calls_analyzers() -> Sequence[Analyzer]:
    """Offer the analyzer; ``ANALYZERS`` decides whether it runs."""
    return [ConversationAnalyzer()]
