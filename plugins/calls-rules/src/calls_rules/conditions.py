"""Whether each condition of a rule holds for a call, and where in the call that is to be heard."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from calls_rules.evidence import CallFindings, Conversation, NotCheckable
from calls_rules.phrases import Heard, normalized
from calls_rules.rules import Interruptions, Rule, Said, TalkShare

Evidence: TypeAlias = Sequence[Heard]
Verdict: TypeAlias = Evidence | None
"""None when the condition does not hold; where it does, what there is to hear, which may be nothing."""

_HOLDS: Final[Evidence] = ()


def verdicts(rule: Rule, call: CallFindings) -> Iterator[Verdict]:
    """Yield whether each condition of *rule* holds.

    Raises:
        NotCheckable: a finding that a condition needs is not there.
    """
    for condition in rule.said:
        yield _said(condition, call)
    for condition in rule.not_said:
        yield _holds(_said(condition, call) is None)
    if rule.dead_air_above_sec is not None:
        yield _dead_air(rule.dead_air_above_sec, call.conversation)
    if (most := rule.talk_share_above) is not None:
        yield _holds(_talk_share(most, call.conversation) > most.share)
    if (least := rule.talk_share_below) is not None:
        yield _holds(_talk_share(least, call.conversation) < least.share)
    if rule.interruptions_above is not None:
        yield _interruptions(rule.interruptions_above, call.conversation)
    if rule.duration_above_sec is not None:
        yield _holds(call.duration_sec > rule.duration_above_sec)
    if rule.duration_below_sec is not None:
        yield _holds(call.duration_sec < rule.duration_below_sec)
    if rule.silence_share_above is not None:
        yield _holds(_silence_share(call) > rule.silence_share_above)


def _holds(condition: bool) -> Verdict:  # noqa: FBT001 (a comparison's outcome)
    return _HOLDS if condition else None


def _said(condition: Said, call: CallFindings) -> Verdict:
    segments = call.transcript.segments
    if not segments and call.transcript.text.strip():
        raise NotCheckable("the transcript has no segments")
    if condition.channel is not None and any(segment.channel is None for segment in segments):
        raise NotCheckable("the transcript does not tell the channels apart")
    begins_from = 0.0
    if condition.last_sec is not None:
        begins_from = call.duration_sec - condition.last_sec
    found = [
        [
            heard
            for talk in call.talks
            for heard in talk.find(normalized(phrase))
            if condition.channel in {None, heard.channel}
            and heard.start_sec >= begins_from
            and (condition.first_sec is None or heard.start_sec < condition.first_sec)
        ]
        for phrase in condition.phrases
    ]
    if all(found) if condition.all_of else any(found):
        return sorted((heard for each in found for heard in each), key=lambda heard: heard.start_sec)
    return None


def _dead_air(limit: float, conversation: Conversation) -> Verdict:
    spans, shortest = conversation.dead_air_spans_sec, conversation.dead_air_min_sec
    if spans is None or shortest is None:
        raise NotCheckable("the finding conversation tells nothing of dead air")
    long = [Heard(start, end, None, "") for start, end in spans if end - start > limit]
    if not long and limit < shortest:
        raise NotCheckable(f"the finding conversation tells of dead air from {shortest:g} s on only")
    return long or None


def _talk_share(limit: TalkShare, conversation: Conversation) -> float:
    shares = conversation.talk_share
    if shares is None:
        raise NotCheckable("the finding conversation does not tell sides apart in this recording")
    if not sum(shares):
        raise NotCheckable("nobody talks")
    if limit.channel >= len(shares):
        raise NotCheckable(f"there is no channel {limit.channel}")
    return shares[limit.channel]


def _interruptions(limit: Interruptions, conversation: Conversation) -> Verdict:
    counts, moments = conversation.interruptions, conversation.interruptions_at_sec
    if counts is None or moments is None:
        raise NotCheckable("the finding conversation does not tell sides apart in this recording")
    channels = range(len(counts)) if limit.channel is None else [limit.channel]
    if max(channels) >= min(len(counts), len(moments)):
        raise NotCheckable(f"there is no channel {max(channels)}")
    if sum(counts[channel] for channel in channels) <= limit.count:
        return None
    heard = [Heard(moment, moment, channel, "") for channel in channels for moment in moments[channel]]
    return sorted(heard, key=lambda each: each.start_sec)


def _silence_share(call: CallFindings) -> float:
    signal = call.signal
    return signal.silence_sec / signal.duration_sec if signal.duration_sec else 0.0
