"""Words as search compares them, what can be asked for, and where in a transcript it was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_adapters.snowball import SnowballStemmer
from calls_core.errors import InvalidQuery
from calls_core.findings import Segment, Transcript
from calls_core.highlights import EXCERPT_LIMIT, highlights
from calls_core.search import CallFilter
from calls_core.spoken import INDEXED_BYTES, QUERY_WORDS_LIMIT, WORD_LIMIT, WordQuery, indexed, indexed_terms

STEM = SnowballStemmer().stem


def says(text: str, asked: str) -> bool:
    return WordQuery.parsed(asked).stemmed(STEM).fits(indexed(text, STEM))


def marked(transcript: Transcript, asked: str) -> list[tuple[str, list[str]]]:
    found = highlights(transcript, WordQuery.parsed(asked).stemmed(STEM), STEM)
    return [(place.text, [place.text[start:end] for start, end in place.marks]) for place in found]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Расторгаем два договора.", "договор"),
        ("She cancelled the payments", "payment cancel"),
        ("Ещё один счёт", "счета еще"),
        ("ещё", "еще"),
        ("мои\u0306 замо\u0301к", "мой замок"),
        ("write to anna@example.com", "anna@example.com"),
        ("I don't know", "don't"),
        ("number 8-800-555", '"8 800"'),
        ("ＦＵＬＬ width", "full"),
        ("a" * 1000, "a" * 900),
        ("x½y", "x½y"),
        ("日本語", "日本語"),
        ("yes or no", '"yes or'),
        ("это договор", "«это договор»"),
        ("pay now", "pay -later"),
    ],
)
def test_is_said(text: str, asked: str) -> None:
    """Forms, case, accents and the way of writing do not matter."""
    assert says(text, asked)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("pay now", "pay -now"),
        ("now pay", '"pay now"'),
        ("pay now", 'pay -"pay now"'),
        ("a contractor", "contract"),
        ("anna example", "anna@example.com"),
        ("", "a"),
        ("and so on", "android"),
    ],
)
def test_is_not_said(text: str, asked: str) -> None:
    """Neither parts of words, nor words in another order where the order was asked for."""
    assert not says(text, asked)


@given(st.text(), st.text(max_size=100))
def test_any_text_can_be_asked_for(text: str, asked: str) -> None:
    """Stems have nothing in them that a database could take for more than a word; what is said whole is found."""
    words = indexed(text, STEM)
    assert all(word.isalnum() and len(word) <= WORD_LIMIT for word in words.split(" ") if word)
    query = WordQuery.parsed(asked).stemmed(STEM)
    assert all(word.isalnum() for phrase in query.wanted + query.unwanted for word in phrase)
    whole = WordQuery.parsed(f'"{text.replace(chr(34), " ")}"').stemmed(STEM)
    if whole.wanted and not any(quote in text for quote in "«»“”„‟"):
        assert whole.fits(words)
    for place in highlights(Transcript(text=text), query, STEM):
        assert all(0 <= start < end <= len(place.text) for start, end in place.marks)


@pytest.mark.parametrize("asked", ["", '"', "- -", "🙂", "...", "-no", "a b " * QUERY_WORDS_LIMIT])
def test_what_asks_for_nothing_or_too_much_is_refused(asked: str) -> None:
    """With a pointer to the parameter."""
    with pytest.raises(InvalidQuery) as refusal:
        CallFilter.checked(text=asked)
    assert {error.pointer for error in refusal.value.errors} == {"/text"}


def test_a_transcript_without_end_is_indexed_up_to_a_limit() -> None:
    """No database takes a document of any size."""
    terms = indexed_terms(indexed(" ".join(map(str, range(10**5))), STEM))
    assert INDEXED_BYTES - 20 < len("".join(terms)) <= INDEXED_BYTES


def test_the_best_segments_come_first() -> None:
    """Those that have most of what was asked for; phrases whole, and word by word where no segment has them whole."""
    texts = ["Ваш договор.", "Номер договора, срок договора!", "Срок", "Нет", "договоры и сроки", "Договором"]
    segments = tuple(Segment(start_sec=n, end_sec=n + 1.0, text=text, channel=n % 2) for n, text in enumerate(texts))
    transcript = Transcript(text=" ".join(texts), segments=segments)

    assert marked(transcript, "договор срок -занят") == [
        (texts[1], ["договора", "срок", "договора"]),
        (texts[4], ["договоры", "сроки"]),
        (texts[0], ["договор"]),
    ]
    assert marked(transcript, '"срок договора"') == [(texts[1], ["срок договора"])]
    assert marked(transcript, '"срок нет"')[0] == (texts[1], ["срок"])
    best = highlights(transcript, WordQuery.parsed("договор срок").stemmed(STEM), STEM)[0]
    assert (best.start_sec, best.end_sec, best.channel) == (1, 2.0, 1)


def test_of_a_long_text_a_piece_is_shown() -> None:
    """From a word before the first mark, with the marks that are in it; without times where there are no segments."""
    text = "word " * 500 + "договора " + "word " * 500 + "договор"
    place = highlights(Transcript(text=text), WordQuery.parsed("договор").stemmed(STEM), STEM)[0]

    assert len(place.text) <= EXCERPT_LIMIT
    assert [place.text[start:end] for start, end in place.marks] == ["договора"]
    assert place.text.startswith("word ")
    assert place.text.endswith(" word")
    assert (place.start_sec, place.end_sec, place.channel) == (None, None, None)
    assert marked(Transcript(text="x" * 1000), "x" * 64) == [("x" * EXCERPT_LIMIT, ["x" * EXCERPT_LIMIT])]
