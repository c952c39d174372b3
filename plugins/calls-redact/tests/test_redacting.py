"""What is masked and muted, and that nothing else is."""

import re
from collections.abc import Mapping
from pathlib import Path

import calls_redact
import pytest
from calls_adapters.plugins import load_plugins
from calls_core.errors import NeedsFailedStep
from calls_core.findings import Finding, MutedSpan, Segment, Transcript, Word, faults
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzer
from calls_core.testing import AnalyzerContract, Sound, offered, signal_in
from calls_redact import RedactAnalyzer
from calls_redact.ibans import is_iban
from calls_redact.kinds import found_in, passes_luhn

CARD = "4111 1111 1111 1111"


def said(text: str, start_sec: float, channel: int | None = 1) -> Segment:
    return Segment(start_sec=start_sec, end_sec=start_sec + 2, text=text, channel=channel)


class TestContract(AnalyzerContract):
    """It keeps to what is asked of every analyzer, with a transcript that has something to hide."""

    def analyzer(self) -> Analyzer:
        [analyzer] = offered(calls_redact)
        return analyzer

    def findings(self, sound: Sound) -> Mapping[str, Finding]:
        segments = (said(f"my card is {CARD}", 0.0),)
        return {"signal": signal_in(sound), "ai": Transcript(text=segments[0].text, segments=segments)}

    def test_cut_audio(self) -> None:
        """It reads no audio: what limits the transcript limits it."""


def test_words_are_masked_one_by_one_and_muted_in_their_times() -> None:
    """The words around them stay as they are, and so do all times; a mask does not tell the length of a word."""
    spoken = "so four one one one 1111 1111 1111. thanks".split()  # noqa: SIM905 (as it is said)
    words = tuple(Word(text=text, start_sec=place, end_sec=place + 0.5) for place, text in enumerate(spoken, 1))
    segment = Segment(start_sec=1, end_sec=10, text=" ".join(spoken), channel=0, words=words)
    redaction = RedactAnalyzer().redact({"ai": Transcript(text=segment.text, segments=(segment,), language="en")})
    assert redaction.transcript.text == "so *** *** *** *** *** *** ***. thanks"
    [shown] = redaction.transcript.segments
    assert [(word.start_sec, word.end_sec) for word in shown.words] == [(w.start_sec, w.end_sec) for w in words]
    assert [word.text for word in shown.words] == redaction.transcript.text.split()
    assert redaction.spans == (MutedSpan(start_sec=1.75, end_sec=8.75, kind="card", channel=0),)
    assert not list(faults(redaction))


def test_a_number_goes_on_in_the_next_segment_of_its_side() -> None:
    """Whatever the other side says in between; without times of words, both segments are muted."""
    segments = (
        said("My card is 4111", 0.0),
        said("Go on.", 2.1, channel=0),
        said("1111 11", 3.5),
        said("Uh-huh, twenty four seven.", 5.6, channel=0),
        said("11 1111. And that is it.", 7.0),
    )
    redaction = RedactAnalyzer().redact({"ai": Transcript(text="", segments=segments)})
    assert [segment.text for segment in redaction.transcript.segments] == [
        "My card is ***",
        "Go on.",
        "*** ***",
        "Uh-huh, twenty four seven.",
        "*** ***. And that is it.",
    ]
    assert redaction.transcript.text == " ".join(segment.text for segment in redaction.transcript.segments)
    assert [(span.start_sec, span.end_sec, span.channel) for span in redaction.spans] == [
        (0.0, 2.25, 1),
        (3.25, 5.75, 1),
        (6.75, 9.25, 1),
    ]


def test_what_follows_a_card_goes_with_it() -> None:
    """Its date and its code."""
    transcript = Transcript(text=f"It is {CARD} 12/27 123, Anna.")
    assert RedactAnalyzer().redact({"ai": transcript}).transcript.text == "It is *** *** *** *** *** ***, Anna."


def test_without_times_everything_is_muted() -> None:
    """A transcript without segments does not tell when it was said."""
    [span] = RedactAnalyzer().redact({"ai": Transcript(text=CARD)}).spans
    assert (span.start_sec, span.end_sec) == (0.0, 7 * 86400.0)


def test_text_that_no_word_covers_is_not_let_through() -> None:
    """Where a segment's text and its words differ, only what was looked through is shown."""
    words = (Word(text="Hello.", start_sec=0, end_sec=1),)
    segment = Segment(start_sec=0, end_sec=2, text=f"Hello. {CARD}", words=words)
    transcript = RedactAnalyzer().redact({"ai": Transcript(text=segment.text, segments=(segment,))}).transcript
    assert (transcript.text, transcript.segments[0].text) == ("Hello.", "Hello.")


def test_every_transcript_is_looked_through() -> None:
    """What only one of two has understood is muted; the masked one is that of the first analyzer in the order."""
    other = Transcript(text="", segments=(said(CARD, 5.0),))
    mine = Transcript(text="Hello.", segments=(said("Hello.", 5.0),))
    redaction = RedactAnalyzer(after=("mine", "ai")).redact({"ai": other, "mine": mine})
    assert (redaction.transcript, [span.start_sec for span in redaction.spans]) == (mine, [4.75])


def test_without_a_transcript_nothing_is_promised() -> None:
    """It fails: a redaction without a transcript would let everything be heard."""
    with pytest.raises(NeedsFailedStep, match="no transcript"):
        RedactAnalyzer().redact({})


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "order 1234567890",
        "0000 0000 0000 0000",
        "DE88 3704 0044 0532 0130 00",
        "look at example dot com",
        "at 14:30 on 12.05.2026 for 1299 rubles and 45 kopecks",
        "+7 000 000 00 00",
    ],
)
def test_what_only_looks_so_stays(text: str) -> None:
    """Check digits, plans of numbers and the words around an address tell."""
    assert list(found_in(text, ("card", "iban", "phone", "email"), ("RU",))) == []


def test_check_digits() -> None:
    """Published examples: the test cards of Visa and Amex, and the account numbers of ISO 13616's registry."""
    assert all(passes_luhn(card) for card in ("4111111111111111", "378282246310005", "2200000000000004"))
    assert all(is_iban(iban) for iban in ("DE89370400440532013000", "GB29NWBK60161331926819", "NL91ABNA0417164300"))


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They say which kinds, whose phone numbers and after whom; a mistake stops the start by its name."""
    monkeypatch.setenv("CALLS_REDACT_KINDS", "phone")
    monkeypatch.setenv("CALLS_REDACT_REGIONS", "us")
    monkeypatch.setenv("CALLS_REDACT_AFTER", "ours, ai")
    [analyzer] = offered(calls_redact)
    assert analyzer.after == ("ours", "ai")
    assert analyzer.version != RedactAnalyzer().version
    assert isinstance(analyzer, RedactAnalyzer)
    shown = analyzer.redact({"ai": Transcript(text=f"{CARD} or 212 555 2368")}).transcript.text
    assert shown == f"{CARD} or *** *** ***"
    for name, value in (("CALLS_REDACT_KINDS", "names"), ("CALLS_REDACT_REGIONS", "ZZ")):
        monkeypatch.setenv(name, value)
        with pytest.raises(ValueError, match=name):
            offered(calls_redact)
        monkeypatch.delenv(name)


def test_calls_finds_it() -> None:
    """By its entry point, under the name ``redact``; the README names its settings."""
    [plugin] = [plugin for plugin in load_plugins(AnalysisOptions()) if plugin.distribution == "calls-redact"]
    assert [analyzer.name for analyzer in plugin.analyzers] == ["redact"]
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert set(re.findall(r"CALLS_REDACT_[A-Z]+", readme)) == {
        calls_redact.AFTER,
        calls_redact.KINDS_SETTING,
        calls_redact.REGIONS_SETTING,
    }
