"""Rules against calls: what hits, what does not, and what cannot be told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from calls_core.errors import Reason
from calls_core.findings import Facts, Finding, Peaks, Segment, Signal, SilenceMark, Transcript, faults
from calls_core.ports import Audio, AudioDecoder
from calls_rules import Rule, RulesAnalyzer

pytestmark = pytest.mark.anyio

SIGNAL = Signal(
    duration_sec=60.0,
    codec="pcm_alaw",
    channels=2,
    sample_rate_hz=8000,
    silence_marks=(SilenceMark(start_sec=10, end_sec=34), SilenceMark(start_sec=0, end_sec=60, channel=0)),
    levels_dbfs=((-20.0,), (-20.0,)),
    peaks=Peaks(channels=2, sample_rate_hz=8000, samples_per_point=80, data=b""),
)
CALL = Transcript(
    text="",
    segments=(
        Segment(start_sec=2, end_sec=4, text="Добрый день, магазин.", channel=0),
        Segment(start_sec=5, end_sec=9, text="У меня жалоба: заказ ещё не пришёл!", channel=1),
        Segment(start_sec=40, end_sec=44, text="I am sorry.", channel=0),
        Segment(start_sec=50, end_sec=54, text="Спасибо. До свидания!", channel=0),
    ),
)
MONO = Transcript(text="", segments=tuple(replace(segment, channel=None) for segment in CALL.segments))
SIDES = Facts(
    values={
        "layout": "two_sided",
        "duration_sec": 60.0,
        "dead_air_min_sec": 3.0,
        "dead_air_spans_sec": [[10.0, 34.0], [55.0, 60.0]],
        "talk_share": [0.75, 0.25],
        "interruptions": [3, 1],
        "interruptions_at_sec": [[6.0, 7.0, 8.0], [41.0]],
    }
)
ONE_SIDE = Facts(values={"layout": "mono", "duration_sec": 60.0, "dead_air_min_sec": 3.0, "dead_air_spans_sec": []})
ALL: dict[str, Finding] = {"signal": SIGNAL, "ai": CALL, "conversation": SIDES}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a_rule(conditions: dict[str, Any], **fields: Any) -> Rule:
    return msgspec.convert({"name": "it", "tags": ["tag"], "category": "kind", **fields, **conditions}, Rule)


async def checked(findings: dict[str, Finding], *rules: Rule) -> Facts:
    decoder: AudioDecoder = None  # type: ignore[assignment]  # what reads no audio needs none
    audio = Audio(path=Path("a.wav"), filename="a.wav", decoder=decoder, findings=findings)
    facts = await RulesAnalyzer(rules).analyze(audio)
    assert not list(faults(facts))
    return facts


HITS: list[tuple[dict[str, Any], list[tuple[float, float, int | None]]]] = [
    ({"said": [{"any_of": ["жалоба"]}]}, [(6.143, 6.714, 1)]),
    ({"said": [{"any_of": ["жалобы", "жалоба"], "channel": 1}]}, [(6.143, 6.714, 1)]),
    ({"said": [{"all_of": ["спасибо", "до свидания"], "last_sec": 15}]}, [(50, 51.333, 0), (51.333, 54, 0)]),
    ({"said": [{"any_of": ["еще не"]}, {"any_of": ["sorry"]}]}, [(7.286, 8.429, 1), (42.667, 44, 0)]),
    ({"said": [{"any_of": ["добрый день"], "first_sec": 2.5}]}, [(2, 3.333, 0)]),
    ({"not_said": [{"any_of": ["доброе утро", "hello"]}]}, []),
    ({"not_said": [{"any_of": ["добрый день"], "channel": 1}]}, []),
    ({"not_said": [{"any_of": ["добрый день"], "first_sec": 2}]}, []),
    ({"not_said": [{"all_of": ["спасибо", "hello"]}]}, []),
    ({"not_said": [{"any_of": ["sorry"], "last_sec": 15}]}, []),
    ({"dead_air_above_sec": 20}, [(10, 34, None)]),
    ({"dead_air_above_sec": 1}, [(10, 34, None), (55, 60, None)]),
    ({"talk_share_above": {"channel": 0, "share": 0.7}}, []),
    ({"talk_share_below": {"channel": 1, "share": 0.3}}, []),
    ({"interruptions_above": {"channel": 0, "count": 2}}, [(6, 6, 0), (7, 7, 0), (8, 8, 0)]),
    ({"interruptions_above": {"count": 3}}, [(6, 6, 0), (7, 7, 0), (8, 8, 0), (41, 41, 1)]),
    ({"duration_above_sec": 59.9, "duration_below_sec": 60.1}, []),
    ({"silence_share_above": 0.39}, []),
    ({"said": [{"any_of": ["жалоба"]}], "dead_air_above_sec": 20}, [(6.143, 6.714, 1), (10, 34, None)]),
]


@pytest.mark.parametrize(("conditions", "evidence"), HITS, ids=lambda given: str(given)[:60])
async def test_a_rule_hits(conditions: dict[str, Any], evidence: list[tuple[float, float, int | None]]) -> None:
    """The hit tells where to listen; tags and category are put on the call."""
    facts = await checked(ALL, a_rule(conditions))
    [hit] = facts.values["hits"]
    assert (hit["rule"], hit["tags"], hit["category"]) == ("it", ["tag"], "kind")
    assert [(at["start_sec"], at["end_sec"], at["channel"]) for at in hit["evidence"]] == evidence
    assert (facts.tags, facts.values["categories"], facts.values["not_checked"]) == (("tag", "kind"), ["kind"], [])


@pytest.mark.parametrize(
    "conditions",
    [
        {"said": [{"any_of": ["жалобы", "hello"]}]},
        {"said": [{"any_of": ["жалоба"], "channel": 0}]},
        {"said": [{"any_of": ["жалоба"], "channel": 7}]},
        {"said": [{"any_of": ["жалоба"], "first_sec": 6}]},
        {"said": [{"any_of": ["sorry"], "last_sec": 15}]},
        {"said": [{"all_of": ["спасибо", "hello"]}]},
        {"said": [{"any_of": ["жалоба"]}, {"any_of": ["hello"]}]},
        {"not_said": [{"any_of": ["жалоба"]}]},
        {"not_said": [{"any_of": ["hello"]}, {"any_of": ["жалоба"]}]},
        {"not_said": [{"all_of": ["спасибо", "до свидания"]}]},
        {"dead_air_above_sec": 24},
        {"talk_share_above": {"channel": 0, "share": 0.75}},
        {"talk_share_below": {"channel": 1, "share": 0.25}},
        {"interruptions_above": {"channel": 1, "count": 1}},
        {"interruptions_above": {"count": 4}},
        {"duration_above_sec": 60},
        {"duration_below_sec": 60},
        {"silence_share_above": 0.4},
        {"said": [{"any_of": ["жалоба"]}], "dead_air_above_sec": 30},
    ],
    ids=lambda given: str(given)[:60],
)
async def test_a_rule_does_not_hit(conditions: dict[str, Any]) -> None:
    """One condition that does not hold is enough; limits themselves are not passed."""
    facts = await checked(ALL, a_rule(conditions))
    assert facts.values == {"rules": 1, "hits": [], "not_checked": [], "categories": []}
    assert facts.tags == ()


SAID = {"said": [{"any_of": ["жалоба"]}]}
NOT_SAID = {"not_said": [{"any_of": ["hello"]}]}
ONE_SIDED = "the finding conversation does not tell sides apart in this recording"


@pytest.mark.parametrize(
    ("conditions", "findings", "why"),
    [
        (SAID, {"signal": SIGNAL}, "there is no transcript"),
        (NOT_SAID, {"signal": SIGNAL}, "there is no transcript"),
        (NOT_SAID, {"ai": Facts(values={"text": "hello"})}, "there is no transcript"),
        (NOT_SAID, {"ai": Transcript(text="hello")}, "the transcript has no segments"),
        (
            {"not_said": [{"any_of": ["hello"], "channel": 0}]},
            {"ai": MONO},
            "the transcript does not tell the channels apart",
        ),
        (
            {"not_said": [{"any_of": ["hello"], "last_sec": 9}]},
            {"ai": CALL},
            "the duration is not known: there is neither signal nor conversation",
        ),
        ({**SAID, "dead_air_above_sec": 20}, {"ai": CALL}, "there is no finding conversation"),
        (
            {"dead_air_above_sec": 2},
            {"conversation": ONE_SIDE},
            "the finding conversation tells of dead air from 3 s on only",
        ),
        (
            {"dead_air_above_sec": 2},
            {"conversation": Facts(values={})},
            "the finding conversation tells nothing of dead air",
        ),
        ({"talk_share_above": {"channel": 0, "share": 0.1}}, {"conversation": ONE_SIDE}, ONE_SIDED),
        ({"interruptions_above": {"count": 0}}, {"conversation": ONE_SIDE}, ONE_SIDED),
        ({"talk_share_below": {"channel": 2, "share": 0.1}}, ALL, "there is no channel 2"),
        ({"interruptions_above": {"channel": 2, "count": 0}}, ALL, "there is no channel 2"),
        (
            {"talk_share_below": {"channel": 0, "share": 0.1}},
            {"conversation": Facts(values={"talk_share": [0.0, 0.0]})},
            "nobody talks",
        ),
        (
            {"talk_share_below": {"channel": 0, "share": 0.1}},
            {"conversation": Facts(values={"talk_share": "half"})},
            "the finding conversation cannot be read: Expected `array | null`, got `str` - at `$.talk_share`",
        ),
        ({"silence_share_above": 0.0}, {"conversation": SIDES}, "there is no finding of the kind signal"),
        (
            {"duration_below_sec": 1e6},
            {"ai": CALL},
            "the duration is not known: there is neither signal nor conversation",
        ),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_a_rule_that_lacks_a_finding_is_not_checked(
    conditions: dict[str, Any], findings: dict[str, Finding], why: str
) -> None:
    """It says what it lacks and never hits, not even for what was not said; the other rules are checked."""
    facts = await checked(findings, a_rule(conditions))
    assert facts.values["not_checked"] == [{"rule": "it", "why": why}]
    assert (facts.values["hits"], facts.tags) == ([], ())


async def test_duration_is_known_from_either() -> None:
    """Without signal it is that of conversation."""
    facts = await checked({"conversation": SIDES}, a_rule({"duration_above_sec": 59}))
    assert len(facts.values["hits"]) == 1


@pytest.mark.parametrize("name", ["ai", "whisper", "somebody-else"])
async def test_any_transcript_will_do(name: str) -> None:
    """Whoever made it; where there are several, ai's counts, then whisper's, then the first of others."""
    silent = Transcript(text="")
    assert (await checked({name: CALL}, a_rule(SAID))).tags == ("tag", "kind")
    assert (await checked({name: CALL, "other": silent}, a_rule(SAID))).tags == ("tag", "kind")
    assert (await checked({"whisper": CALL, "ai": silent}, a_rule(SAID))).tags == ()


async def test_an_empty_transcript_says_nothing() -> None:
    """A call in which nobody spoke is checked: nothing was said, on no channel."""
    silent = Transcript(text="")
    rule = a_rule({"not_said": [{"any_of": ["hello"], "channel": 0}]})
    assert len((await checked({"ai": silent}, rule)).values["hits"]) == 1


async def test_tags_of_all_hits_are_put_on_the_call_once() -> None:
    """In the order of rules; a category is a tag too, and rules without either are reported all the same."""
    rules = [
        a_rule(SAID, name="one", tags=["b", "a"], category="x"),
        a_rule({"duration_above_sec": 1}, name="two", tags=["a", "x"], category="y"),
        a_rule({"duration_above_sec": 1}, name="three", tags=[], category=None),
        a_rule({"duration_above_sec": 99}, name="four", tags=["never"]),
    ]
    facts = await checked(ALL, *rules)
    assert facts.tags == ("b", "a", "x", "y")
    assert facts.values["categories"] == ["x", "y"]
    assert [hit["rule"] for hit in facts.values["hits"]] == ["one", "two", "three"]


async def test_evidence_and_tags_are_bounded() -> None:
    """Twenty places per rule, 32 tags per call; that tags were left out is said."""
    chatter = Transcript(
        text="", segments=tuple(Segment(start_sec=at, end_sec=at + 1, text="да", channel=0) for at in range(500))
    )
    rules = [a_rule({"said": [{"any_of": ["да"]}]}, name=str(n), tags=[f"tag{n}"], category=None) for n in range(40)]
    facts = await checked({"ai": chatter}, *rules)
    assert {len(hit["evidence"]) for hit in facts.values["hits"]} == {20}
    assert facts.tags == tuple(f"tag{n}" for n in range(32))
    assert facts.caveat is not None
    assert facts.caveat.code == "too-many-tags"


async def test_a_caveat_of_what_it_reads_is_passed_on() -> None:
    """What was not heard in a truncated recording may have been said all the same."""
    cut = Reason("truncated", "the file ends early")
    facts = await checked({"signal": SIGNAL, "ai": replace(CALL, caveat=cut)}, a_rule(NOT_SAID))
    assert facts.caveat == cut


async def test_without_rules_it_says_so() -> None:
    """The finding has a caveat, and so the step an error that tells what to do."""
    facts = await checked(ALL)
    assert facts.values == {"rules": 0, "hits": [], "not_checked": [], "categories": []}
    assert facts.caveat is not None
    assert (facts.caveat.code, "CALLS_RULES_FILE" in facts.caveat.detail) == ("no-rules", True)
