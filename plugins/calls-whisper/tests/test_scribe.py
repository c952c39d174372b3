"""One language for a call, and no loops."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from calls_whisper.cutting import Span
from calls_whisper.languages import tag
from calls_whisper.loops import without_loops
from calls_whisper.packing import Piece
from calls_whisper.scribe import Scribe
from calls_whisper.sharing import SharedEngine
from calls_whisper.speech import Engine, HeardWord, Samples, Written

pytestmark = pytest.mark.anyio

RATE = 16_000


class Polyglot(Engine):
    """Detects what it is told to, and writes down the language that it was asked for."""

    def __init__(self, *detected: Mapping[str, float]) -> None:
        self._detected = list(detected)
        self.asked: list[str | None] = []

    def speech(self, samples: Samples) -> Sequence[tuple[int, int]]:
        return [(0, len(samples))]

    def write_down(self, samples: Samples, language: str | None) -> Written:
        self.asked.append(language)
        found = {} if language else self._detected.pop(0)
        used = language or max(found, key=found.__getitem__)
        return Written([[HeardWord(f" {used}", 0.0, 1.0)]], found)


async def written(engine: Polyglot, lengths_sec: Sequence[int], language: str | None = None) -> tuple[str | None, str]:
    scribe = Scribe(SharedEngine(lambda: engine), language, apart=False)
    for index, length in enumerate(lengths_sec):
        span = Span(index * 100 * RATE, np.zeros(length * RATE, np.float32), (0, 1 << 62))
        await scribe.take(Piece(0, (span,)))
    segments = await scribe.finish()
    return scribe.language, " ".join(segment.text for segment in segments)


async def test_a_sure_piece_decides_the_language() -> None:
    """It is detected once, at no cost: the piece is not heard twice."""
    engine = Polyglot({"ru": 0.95, "en": 0.05})
    assert await written(engine, [10, 10, 10]) == ("ru", "ru ru ru")
    assert engine.asked == [None, "ru", "ru"]


async def test_an_unsure_piece_is_written_again_in_the_language_of_the_call() -> None:
    """A hello says little; what follows outvotes it, and the hello is put right."""
    engine = Polyglot({"en": 0.5, "ru": 0.3}, {"ru": 0.97, "en": 0.01})
    assert await written(engine, [1, 20, 5]) == ("ru", "ru ru ru")
    assert engine.asked == [None, None, "ru", "ru"]


async def test_three_pieces_are_enough() -> None:
    """A call that is never sure is not heard twice throughout."""
    engine = Polyglot({"en": 0.5, "de": 0.4}, {"de": 0.6}, {"en": 0.3, "de": 0.5})
    assert await written(engine, [10, 10, 10, 10]) == ("de", "de de de de")
    assert engine.asked == [None, None, None, "de", "de"]


async def test_a_short_call_ends_with_the_best_guess() -> None:
    """The language that is likeliest is taken when nothing follows that could make it sure."""
    assert await written(Polyglot({"en": 0.5, "ru": 0.3}), [1]) == ("en", "en")


async def test_a_given_language_is_never_detected() -> None:
    """What the settings say holds for every piece."""
    engine = Polyglot()
    assert await written(engine, [1, 10], "ru") == ("ru", "ru ru")
    assert engine.asked == ["ru", "ru"]


def test_languages_are_told_as_bcp_47() -> None:
    """Whisper's code for Javanese is its own."""
    assert [tag(code) for code in ("ru", "jw", None)] == ["ru", "jv", None]


def looped(*sentences: str) -> str:
    words = [[HeardWord(f" {word}", 0.0, 0.0) for word in sentence.split()] for sentence in sentences]
    return "|".join("".join(word.text for word in sentence).strip() for sentence in without_loops(words))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["you you you you you you you"], "you"),
        (["Thank you.", "Thank you.", "Thank you.", "Thank you."], "Thank you."),
        (["so I will, so I will, so I will, and go"], "so I will, and go"),
        (["да да да да да да да нет"], "да нет"),
        (["no, no, no!"], "no, no, no!"),
        (["bye bye, bye bye"], "bye bye, bye bye"),
        (["4 4 4 4 4 4 4 4"], "4 4 4 4 4 4 4 4"),
        (["ask not what you can do", "ask what you can do"], "ask not what you can do|ask what you can do"),
        ([], ""),
    ],
)
def test_loops_are_said_once(said: Sequence[str], kept: str) -> None:
    """What a lost model repeats is kept once; what people and numbers repeat is kept."""
    assert looped(*said) == kept
