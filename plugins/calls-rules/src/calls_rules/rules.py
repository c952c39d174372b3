"""The file of rules: TOML in, checked rules out."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from calls_core.findings import TAG_LENGTH_LIMIT, TAGS_LIMIT, label_faults

from calls_rules.phrases import normalized

_LONGEST_SEC: Final = 1e9

Seconds = Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_SEC)]
ShareOfOne = Annotated[float, msgspec.Meta(ge=0, le=1)]
Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Phrases = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phrases, one of which or all of which are said, on *channel* (from 0) or on any.

    With *first_sec* or *last_sec* a phrase counts if it begins within so many seconds of the start, or of the end.
    """

    any_of: Phrases | None = None
    all_of: Phrases | None = None
    channel: Channel | None = None
    first_sec: Seconds | None = None
    last_sec: Seconds | None = None

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.any_of or self.all_of or ()


class TalkShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit, of 1, to which share of all talk is that of one channel's side."""

    channel: Channel
    share: ShareOfOne


class Interruptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one channel's side may break in on the other; without *channel*, both together."""

    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    channel: Channel | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a call is given when all conditions hold: those fields that are neither None nor empty."""

    name: str
    tags: tuple[str, ...] = ()
    category: str | None = None
    said: tuple[Said, ...] = ()
    not_said: tuple[Said, ...] = ()
    dead_air_above_sec: Seconds | None = None
    talk_share_above: TalkShare | None = None
    talk_share_below: TalkShare | None = None
    interruptions_above: Interruptions | None = None
    duration_above_sec: Seconds | None = None
    duration_below_sec: Seconds | None = None
    silence_share_above: ShareOfOne | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The tags that a hit puts on the call: a category is one of them, so that calls are found by it."""
        return self.tags if self.category is None else (*self.tags, self.category)


_NO_CONDITIONS: Final = frozenset({"name", "tags", "category"})


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules in the file at *path*, in their order.

    Raises:
        ValueError: the file cannot be read, or a rule is wrong; the message is one line that names file, rule and key.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: is not TOML: {error}") from error
    if unknown := document.keys() - {"rule"}:
        raise ValueError(f"{path}: unknown key {min(unknown)!r}; a rule begins with [[rule]]")
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{path}: a rule begins with [[rule]], in two pairs of brackets")
    rules = tuple(_rule(path, number, table) for number, table in enumerate(tables, start=1))
    twice = [name for name, times in Counter(rule.name for rule in rules).items() if times > 1]
    if twice:
        raise ValueError(f"{path}: rule {twice[0]!r}: there are several of that name")
    return rules


def _rule(path: Path, number: int, table: Mapping[str, Any]) -> Rule:
    where = f"{path}: rule {table.get('name', number)!r}"
    try:
        rule = msgspec.convert(table, Rule)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from error
    if fault := next(_faults(rule, table), None):
        raise ValueError(f"{where}: {fault}")
    return rule


def _faults(rule: Rule, table: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"name {why}" for why in _label_faults(rule.name))
    yield from (f"tags: {tag!r} {why}" for tag in rule.tags for why in _label_faults(tag))
    if rule.category is not None:
        yield from (f"category {why}" for why in _label_faults(rule.category))
    if len(rule.labels) > TAGS_LIMIT:
        yield f"tags: there must be at most {TAGS_LIMIT}, category included"
    if not table.keys() - _NO_CONDITIONS:
        yield "has no condition, and would hit every call"
    for key, several in (("said", rule.said), ("not_said", rule.not_said)):
        if key in table and not several:
            yield f"{key} is empty"
        for condition in several:
            yield from (f"{key}: {why}" for why in _said_faults(condition))
    above, below = rule.duration_above_sec, rule.duration_below_sec
    if above is not None and below is not None and above >= below:
        yield "duration_above_sec must be less than duration_below_sec; for outside of a range, write two rules"


def _said_faults(condition: Said) -> Iterator[str]:
    if (condition.any_of is None) == (condition.all_of is None):
        yield "needs either any_of or all_of"
    if condition.first_sec is not None and condition.last_sec is not None:
        yield "has both first_sec and last_sec"
    yield from (f"{phrase!r} has no word" for phrase in condition.phrases if not normalized(phrase))


def _label_faults(label: str) -> Iterator[str]:
    if label != label.strip():
        yield "has space around it"
    yield from label_faults(label, TAG_LENGTH_LIMIT)
