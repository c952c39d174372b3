"""Forms: what is posted to a destination of that kind, and what counts as accepted."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calls_core.errors import FieldError

FIELDS_LIMIT: Final = 50
TEMPLATE_LIMIT: Final = 2000
PATTERN_LIMIT: Final = 500

PLACES: Final = {
    "event": frozenset({"id", "type", "timestamp"}),
    "call": frozenset(
        [
            "id",
            "caller",
            "receiver",
            "started_at",
            "status",
            "external_id",
            "direction",
            "agent",
            "tags",
            "duration_sec",
            "created_at",
        ]
    ),
    "recording": frozenset(
        ["id", "filename", "duration_sec", "transcription", "media_type", "size_bytes", "sha256", "channels"]
    ),
}
"""What templates may name, beside ``{call.metadata.KEY}``: fields of the event's body."""

_METADATA: Final = "call.metadata."
_PLACE: Final = re.compile(r"\{\{|\}\}|\{(?P<place>[^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRules:
    """What a form holds, and what counts as accepted: one of *statuses* (none: any 2xx) and, if there is a *pattern*,
    that it is found in the answer (RE2). *file* names the part with the audio; None sends none. *fields* are templates
    such as ``{call.agent}``; braces of their own are doubled."""

    fields: Mapping[str, str] = field(default_factory=dict)
    file: str | None = "file"
    statuses: tuple[int, ...] = ()
    pattern: str | None = None

    def faults(self) -> Iterator[FieldError]:
        if len(self.fields) > FIELDS_LIMIT:
            yield FieldError("/form/fields", f"at most {FIELDS_LIMIT} fields")
        for name, template in self.fields.items():
            if not _is_line(name) or name == self.file:
                yield FieldError("/form/fields", "each field needs a name of its own, on one line")
            for why in template_faults(template):
                yield FieldError(f"/form/fields/{name.replace('~', '~0').replace('/', '~1')}", why)
        if self.file is not None and not _is_line(self.file):
            yield FieldError("/form/file", "must be one line")
        if self.pattern is not None and len(self.pattern) > PATTERN_LIMIT:
            yield FieldError("/form/pattern", f"must have at most {PATTERN_LIMIT} characters")


def template_faults(template: str) -> Iterator[str]:
    """Yield what is wrong with a template."""
    if len(template) > TEMPLATE_LIMIT:
        yield f"must have at most {TEMPLATE_LIMIT} characters"
    if "\0" in template:
        yield "must not hold NUL"
    for found in _PLACE.finditer(template):
        if found[0] in {"{", "}"}:
            yield "has a brace without its other one; double it if it stands for itself"
        elif (place := found["place"]) is not None:
            root, _, name = place.partition(".")
            if name not in PLACES.get(root, ()) and not place.startswith(_METADATA):
                yield f"names {{{place}}}, which is none of an event, its call or its recording"


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return the template with every place filled from *values*, nested mappings; what is not there is empty."""

    def fill(found: re.Match[str]) -> str:
        if found["place"] is None:
            return found[0][0]
        value: Any = values
        for name in found["place"].split(".", 2):
            value = value.get(name) if isinstance(value, Mapping) else None
        match value:
            case None:
                return ""
            case str():
                return value
            case list() if all(isinstance(item, str) for item in value):
                return ",".join(value)
            case _:
                return json.dumps(value, ensure_ascii=False)

    return _PLACE.sub(fill, template)


def _is_line(text: str) -> bool:
    return 0 < len(text) <= TEMPLATE_LIMIT and text.isprintable()
