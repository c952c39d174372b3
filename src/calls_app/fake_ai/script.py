"""How a service can misbehave, as data; a script says which request meets what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import msgspec

_STEP: Final = re.compile(r"(?P<name>[a-z0-9-]+)(:(?P<argument>[^*]+))?(\*(?P<times>\d+))?")
JSON: Final = "application/json"


class ScriptError(ValueError):
    """The script cannot be understood; the message says what can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What happens to one request. *body* None is the transcript, for which the service then asks its price.

    *unread*: the answer does not wait for the body of the request. *pause_sec* passes before the answer and *drip_sec*
    between its bytes. *filled_to*: the body is filled up to so many bytes with spaces. *endless*: it goes on for ever.
    *keep*: the connection is reset after so many bytes of the body, or before the head when it is negative. *raw* is
    sent instead of any answer.
    """

    status: int = 200
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    unread: bool = False
    pause_sec: float = 0.0
    drip_sec: float = 0.0
    filled_to: int = 0
    endless: bool = False
    keep: int | None = None
    raw: bytes | None = None


def _says(**fields: Any) -> Behaviour:  # noqa: ANN401 (JSON)
    return Behaviour(body=msgspec.json.encode({"text": "hello", "language": "en"} | fields))


def _segment(**fields: Any) -> Behaviour:  # noqa: ANN401 (JSON)
    return _says(segments=[{"start": 0.0, "end": 1.0, "text": "hello"} | fields])


_PAGE: Final = b"<!doctype html><title>Sign in</title><p>Please sign in to continue."

BEHAVIOURS: Final[Mapping[str, Behaviour]] = MappingProxyType(
    {
        "ok": Behaviour(),
        # the connection
        "refuse": Behaviour(unread=True, keep=-1),
        "lost": Behaviour(keep=-1),
        "half": Behaviour(keep=20),
        "early-413": Behaviour(
            status=413, unread=True, body=b'{"error": {"message": "Maximum content size exceeded"}}'
        ),
        "slow": Behaviour(pause_sec=3600),
        "drip": Behaviour(drip_sec=0.2),
        "no-http": Behaviour(raw=b"220 mail.example ESMTP\r\n"),
        "short": Behaviour(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}"),
        "bad-chunks": Behaviour(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        "long-head": Behaviour(headers=(("X-Filling", "x" * 200_000),)),
        # the size
        "huge": Behaviour(body=b'{"text": "', filled_to=1 << 30),
        "endless": Behaviour(body=b'{"text": "', endless=True),
        "endless-error": Behaviour(status=400, body=b"no", endless=True),
        "bomb": Behaviour(body=b"\x1f\x8b\x08\x00", headers=(("Content-Encoding", "gzip"),)),
        "empty": Behaviour(body=b""),
        # not JSON
        "html": Behaviour(media_type="text/html", body=_PAGE),
        "html-as-json": Behaviour(body=_PAGE),
        "cut-json": Behaviour(body=b'{"text": "hel'),
        "latin-1": Behaviour(body=b'{"text": "\xe9t\xe9"}'),
        "nan": Behaviour(body=b'{"text": "a", "segments": [{"start": NaN, "end": 1, "text": "a"}]}'),
        "too-big-number": Behaviour(body=b'{"text": "a", "segments": [{"start": 1e999, "end": 1, "text": "a"}]}'),
        "deep": Behaviour(body=b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b', "text": "a"}'),
        "half-character": Behaviour(body=b'{"text": "\\ud800"}'),
        "event-stream": Behaviour(media_type="text/event-stream", body=b'data: {"text": "hello"}\n\n'),
        # the wrong JSON
        "null": Behaviour(body=b"null"),
        "list": Behaviour(body=b'[{"text": "hello"}]'),
        "other-shape": Behaviour(body=b'{"results": [{"transcript": "hello"}]}'),
        "no-text": _says(text=None),
        "number-as-text": _says(text=5),
        "text-as-time": _segment(start="0:00:01"),
        "segments-as-text": _says(segments="none"),
        "segment-without-end": _says(segments=[{"start": 0.0, "text": "hello"}]),
        "word-without-text": _says(words=[{"start": 0.0, "end": 1.0}]),
        "error-as-200": Behaviour(body=b'{"error": {"message": "the model is being loaded"}}'),
        # what cannot be
        "far-time": _segment(start=5000.0, end=5001.0),
        "long-ago": _segment(start=-5000.0),
        "babble": _says(text="you " * 50_000),
        "many-segments": _says(segments=[{"start": 0.0, "end": 0.1, "text": "a"}] * 20_000),
        # odd but true
        "json": Behaviour(body=b'{"text": "hello there"}'),
        "nothing": Behaviour(body=b'{"text": "", "segments": []}'),
        "controls": Behaviour(body=b'{"text": "hello\\u0000\\u001bthere"}'),
        "backwards": _segment(start=1.0, end=0.5),
        "late": _segment(start=0.5, end=30.0),
        "before": _segment(start=-0.1, end=1.0),
        "speaches": _segment(words=[{"start": 0.0, "end": 0.5, "word": " hello"}]),
        # refusals
        "redirect": Behaviour(status=307, headers=(("Location", "http://127.0.0.1:1/"),), body=b""),
        "echo-key": Behaviour(status=400, body=b'{"error": {"message": "wrong key {key} here"}}'),
        "chatty": Behaviour(status=400, body=b'{"error": {"message": "' + b"no, " * 1000 + b'"}}'),
        "coloured": Behaviour(status=400, body=b'{"detail": "no\\u001b[31m\\nnext"}'),
    }
)


def parsed(script: str) -> list[Behaviour]:
    """Return what the requests meet, one after the other: ``429:2, 500*3, slow:1, html``.

    A name is one of ``BEHAVIOURS``, or a status. The argument of a status is its Retry-After, that of the others
    replaces the seconds they wait.

    Raises:
        ScriptError: a name is unknown, or a number is none.
    """
    return [behaviour for step in script.split(",") if step.strip() for behaviour in _step(step.strip())]


def _step(step: str) -> list[Behaviour]:
    found = _STEP.fullmatch(step)
    behaviour = _named(found["name"], found["argument"]) if found else None
    if found is None or behaviour is None:
        msg = f"{step!r} is no behaviour; there are {', '.join(BEHAVIOURS)}, and every status, such as 429:2 or 500*3"
        raise ScriptError(msg)
    return [behaviour] * int(found["times"] or 1)


def _named(name: str, argument: str | None) -> Behaviour | None:
    if (behaviour := BEHAVIOURS.get(name)) is not None:
        try:
            seconds = float(argument) if argument else None
        except ValueError:
            return None
        if seconds is None:
            return behaviour
        return replace(behaviour, drip_sec=seconds) if behaviour.drip_sec else replace(behaviour, pause_sec=seconds)
    try:
        status = HTTPStatus(int(name))
    except ValueError:
        return None
    headers = (("Retry-After", argument.strip()),) if argument else ()
    body = msgspec.json.encode({"error": {"message": status.phrase, "type": "scripted"}})
    return Behaviour(status=status, headers=headers, body=b"" if status == HTTPStatus.NO_CONTENT else body)
