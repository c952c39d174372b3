"""What the name of a file tells about its call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from calls_core.errors import InvalidInput

_ASTERISK: Final = (
    # FreePBX: TYPE-CALLED-CALLER-DATE-TIME-UNIQUEID; the unique id begins with the second in which the call began.
    r"(?P<type>[a-z]+)-(?P<receiver>[^-]+)-(?P<caller>[^-]+)-\d{8}-\d{6}-(?P<external_id>(?:[^-]+-)?(?P<epoch>\d{9,})\.\d+)"
    # Asterisk's automon: auto-SECOND-CALLER-CALLED.
    r"|auto-(?P<epoch_2>\d{9,})-(?P<caller_2>[^-]+)-(?P<receiver_2>[^-]+)"
)
PRESETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "asterisk": _ASTERISK,
        "freepbx": _ASTERISK,
        # The vanilla dialplan: DATE-TIME_CALLED_CALLER, in local time.
        "freeswitch": r"(?P<date>\d{4}-\d\d-\d\d)-(?P<time>\d\d-\d\d-\d\d)_(?P<receiver>[^_]+)_(?P<caller>[^_]+)",
    }
)
DIRECTIONS: Final[Mapping[str, str]] = MappingProxyType({"out": "outbound", "in": "inbound", "internal": "internal"})
GROUPS: Final = frozenset(
    {"caller", "receiver", "external_id", "agent", "direction", "tags", "started_at", "epoch", "date", "time", "type"}
)


@dataclass(frozen=True, slots=True)
class Naming:
    """Reads names, less their extension, by a regular expression whose groups are ``GROUPS``.

    A group may have a second name with ``_2``, for another way to write the same. Times are taken from ``started_at``
    (RFC 3339), else ``epoch`` (seconds of Unix), else from ``date`` and ``time`` in *zone*.
    """

    pattern: re.Pattern[str]
    zone: ZoneInfo | None

    @classmethod
    def parsed(cls, pattern: str, zone: str | None) -> "Naming":
        """Return the naming for a preset's name or a regular expression.

        Raises:
            ValueError: one of the two cannot be understood; the message says which.
        """
        try:
            compiled = re.compile(PRESETS.get(pattern, pattern))
        except re.error as error:
            raise ValueError(f"--pattern: neither {', '.join(PRESETS)} nor a regular expression: {error}") from None
        if unknown := {name.removesuffix("_2") for name in compiled.groupindex} - GROUPS:
            raise ValueError(f"--pattern: the group {min(unknown)} is not known; known are {', '.join(sorted(GROUPS))}")
        try:
            return cls(compiled, ZoneInfo(zone) if zone else None)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"--zone: there is no time zone {zone}; name one as Europe/Berlin") from None

    def fields(self, stem: str) -> dict[str, str]:
        """Return the fields of the call, as the form of ``POST /calls/ingest`` has them.

        Raises:
            InvalidInput: the name is not of the pattern, or its time cannot be told.
        """
        try:
            stem.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"the name {stem!r} is not UTF-8; rename the file") from None
        match = self.pattern.fullmatch(stem)
        if match is None:
            raise InvalidInput(f"the name {stem!r} is not of the pattern")
        found = {name.removesuffix("_2"): text for name, text in match.groupdict().items() if text}
        found["started_at"] = self._moment(found)
        if direction := DIRECTIONS.get(found.pop("type", "")):
            found.setdefault("direction", direction)
        return found

    def _moment(self, found: dict[str, str]) -> str:
        epoch, date, time = (found.pop(name, None) for name in ("epoch", "date", "time"))
        if "started_at" in found:
            return found["started_at"]
        try:
            if epoch:
                return datetime.fromtimestamp(int(epoch), UTC).isoformat()
            if date and time and self.zone:
                digits = re.sub(r"\D", "", date + time)
                return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=self.zone).isoformat()
        except (ValueError, OverflowError) as error:
            raise InvalidInput(f"the name tells no time: {error}") from None
        why = "names are in local time: say of which place with --zone" if date and time else "the name tells no time"
        raise InvalidInput(why)
