"""The analyzer ``rules``: findings of other analyzers in, tags and categories out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec
from calls_core.errors import Reason
from calls_core.findings import TAGS_LIMIT, Facts, Finding
from calls_core.ports import Audio

from calls_rules.conditions import verdicts
from calls_rules.evidence import CONVERSATION, CallFindings, NotCheckable
from calls_rules.phrases import Heard
from calls_rules.rules import Rule

EVIDENCE_LIMIT: Final = 20
NO_RULES: Final = Reason("no-rules", "there are no rules; set CALLS_RULES_FILE to a file with some")


@dataclass(frozen=True, slots=True)
class RulesAnalyzer:
    """Checks *rules* in their order. *version* ends in a digest of them, so that a finding tells which rules made it.

    Analyzers in *after* that are not configured, or have failed, hold nothing up. To wait for another one, which makes
    the transcripts, offer this from a plugin of your own.
    """

    rules: Sequence[Rule] = ()
    name: str = "rules"
    after: Sequence[str] = ("signal", "ai", "whisper", CONVERSATION)
    derived: bool = True
    tolerant: bool = True
    reads_audio: bool = False

    @property
    def version(self) -> str:
        return f"1+{sha256(msgspec.json.encode(self.rules)).hexdigest()[:8]}"

    async def analyze(self, audio: Audio) -> Facts:
        """Return which rules hit, as the package's README describes it, with their tags."""
        return await asyncio.to_thread(self.check, audio.findings)

    def check(self, findings: Mapping[str, Finding]) -> Facts:
        call = CallFindings.of(findings, self.after)
        hits: list[tuple[Rule, Sequence[Heard]]] = []
        not_checked: list[dict[str, str]] = []
        for rule in self.rules:
            try:
                evidence = _evidence(rule, call)
            except NotCheckable as why:
                not_checked.append({"rule": rule.name, "why": str(why)})
                continue
            if evidence is not None:
                hits.append((rule, evidence))
        labels = tuple(dict.fromkeys(label for rule, _ in hits for label in rule.labels))
        return Facts(
            values={
                "rules": len(self.rules),
                "hits": [_hit(rule, evidence) for rule, evidence in hits],
                "not_checked": not_checked,
                "categories": list(dict.fromkeys(rule.category for rule, _ in hits if rule.category is not None)),
            },
            tags=labels[:TAGS_LIMIT],
            caveat=self._caveat(labels, call),
        )

    def _caveat(self, labels: Sequence[str], call: CallFindings) -> Reason | None:
        if not self.rules:
            return NO_RULES
        if len(labels) > TAGS_LIMIT:
            return Reason(
                "too-many-tags", f"the call has the first {TAGS_LIMIT} only of {len(labels)} tags of its hits"
            )
        return call.caveat


def _evidence(rule: Rule, call: CallFindings) -> Sequence[Heard] | None:
    """Return what is to be heard of a rule that hits, in the order of time; None if it does not.

    Raises:
        NotCheckable: a finding that one of its conditions needs is not there.
    """
    outcomes = list(verdicts(rule, call))
    held = [outcome for outcome in outcomes if outcome is not None]
    if len(held) < len(outcomes):
        return None
    once = dict.fromkeys(heard for each in held for heard in each)
    return sorted(once, key=lambda heard: (heard.start_sec, heard.end_sec))


def _hit(rule: Rule, evidence: Sequence[Heard]) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "tags": list(rule.tags),
        "category": rule.category,
        "evidence": [
            {"start_sec": heard.start_sec, "end_sec": heard.end_sec, "channel": heard.channel, "text": heard.text}
            for heard in evidence[:EVIDENCE_LIMIT]
        ],
    }
