"""Phrases in transcripts: whole words, wherever they are, and never across two people's words."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from calls_core.findings import Segment, Transcript, Word
from calls_rules.phrases import PAUSE_SEC, Heard, normalized, talks
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.lists(st.sampled_from(["я", "хочу", "отменить", "заказ", "the", "order", "ещё", "12"]), max_size=12)
PHRASE = ["верните", "мои", "деньги"]


def seg(start: float, end: float, text: str, channel: int | None = None, *words: Word) -> Segment:
    return Segment(start_sec=start, end_sec=end, text=text, channel=channel, words=words)


def heard(phrase: str, *segments: Segment) -> list[Heard]:
    spoken = Transcript(text=" ".join(segment.text for segment in segments), segments=segments)
    return [found for talk in talks(spoken) for found in talk.find(normalized(phrase))]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("добрый день", "ДОБРЫЙ, день!"),
        ("ещё", "Еще раз"),
        ("еще", "ЕЩЁ раз"),
        ("ещё", "еще\u0308 раз"),
        ("мой", "мои\u0306 заказ"),
        ("замок", "за\u0301мок"),
        ("good morning", "— Good-morning…"),
        ("don't", "I don’t know"),
        ("straße", "STRASSE 5"),
        ("istanbul", "İstanbul"),
        ("24/7", "we are there 24 / 7."),
        ("№ 5", "no 5"),
        ("cooperate", "co\u00adoperate"),
    ],
)
def test_writing_makes_no_difference(phrase: str, text: str) -> None:
    """Case, punctuation, accents and composition are not compared."""
    assert len(heard(phrase, seg(0, 1, text))) == 1


@pytest.mark.parametrize(
    ("phrase", "text"),
    [("жалоба", "жалобами"), ("art", "start"), ("new order", "order new"), ("a b", "a x b"), ("день", "")],
)
def test_only_whole_words_in_order(phrase: str, text: str) -> None:
    """Neither a part of a word nor the words in another order, or apart, are the phrase."""
    assert heard(phrase, seg(0, 1, text)) == []


def test_tells_when_it_was_said() -> None:
    """By the words' own times; without them, the segment's time is shared out evenly."""
    words = (Word(text="Верните", start_sec=4.0, end_sec=4.4), Word(text="деньги!", start_sec=4.5, end_sec=5.0))
    assert heard("верните деньги", seg(1, 9, "Верните деньги!", 1, *words)) == [Heard(4.0, 5.0, 1, "Верните деньги!")]
    assert heard("three", seg(0, 4, "one two three four")) == [Heard(2.0, 3.0, None, "one two three four")]


def test_goes_on_in_the_next_segment_of_the_same_channel() -> None:
    """Though somebody else was talking over it since before; both segments are told."""
    one, other, two = seg(0, 2, "верните мои", 1), seg(1, 3, "да да", 0), seg(2.5, 4, "деньги", 1)
    assert [found.text for found in heard("мои деньги", one, other, two)] == ["верните мои деньги"]


@pytest.mark.parametrize(
    "segments",
    [
        (seg(0, 2, "верните мои", 1), seg(2, 3, "деньги", 0)),
        (seg(0, 2, "верните мои", 1), seg(2.1, 2.4, "что", 0), seg(2.5, 4, "деньги", 1)),
        (seg(0, 2, "верните мои", 1), seg(2 + PAUSE_SEC + 0.1, 6, "деньги", 1)),
        (seg(0, 2, "верните мои"), seg(2, 3, "деньги", 0)),
    ],
    ids=["other side", "other side's turn", "pause", "nobody's channel"],
)
def test_never_goes_on_past_somebody_else_or_a_pause(segments: tuple[Segment, ...]) -> None:
    """Words of two people, or with a pause between them, make no phrase."""
    assert heard("мои деньги", *segments) == []


@given(
    before=WORDS,
    after=WORDS,
    cuts=st.sets(st.integers(1, 26), max_size=6),
    noise=WORDS,
    write=st.sampled_from([" ".join, ", ".join, lambda words: "—".join(words).upper()]),
)
def test_a_phrase_anywhere_is_found(
    before: list[str], after: list[str], cuts: set[int], noise: list[str], write: Callable[[list[str]], str]
) -> None:
    """However its channel is cut into segments, once, and there; whatever the other side says meanwhile."""
    spoken = [*before, *PHRASE, *after]
    edges = [0, *sorted(cut for cut in cuts if cut < len(spoken)), len(spoken)]
    pieces = [seg(start, end, write(spoken[start:end]), 1) for start, end in pairwise(edges)]
    other = seg(0, len(spoken), " ".join(noise), 0)
    [found] = heard(" ".join(PHRASE), *pieces, other)
    assert (found.start_sec, found.end_sec, found.channel) == (len(before), len(before) + 3, 1)


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([*PHRASE, "да"])), max_size=30))
def test_a_phrase_is_never_made_of_two_sides(said: list[tuple[int, str]]) -> None:
    """One word a second, of either side: the phrase is found where one side says it without a word between."""
    segments = [seg(at, at + 1, word, channel) for at, (channel, word) in enumerate(said)]
    expected = [
        at
        for at in range(len(said) - 2)
        if [word for _, word in said[at : at + 3]] == PHRASE and len({channel for channel, _ in said[at : at + 3]}) == 1
    ]
    assert sorted(found.start_sec for found in heard(" ".join(PHRASE), *segments)) == expected


@given(st.text())
def test_words_are_already_normal(text: str) -> None:
    """Comparing is the same whichever side was normalized before."""
    words = normalized(text)
    assert normalized(" ".join(words)) == words
