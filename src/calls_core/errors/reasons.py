"""What every error has: a code, and a sentence for people."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something failed, or what limits a finding: a stable *code* and a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with an input. *pointer* is a JSON pointer (RFC 6901), such as ``/caller``."""

    pointer: str
    detail: str


class CallsError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    @property
    def reason(self) -> Reason:
        """This error as data, to be stored with a call or a step."""
        return Reason(self.code, str(self))
