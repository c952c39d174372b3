"""Problems on the wire (RFC 9457)."""

import msgspec


class ProblemDetail(msgspec.Struct, kw_only=True):
    """*pointer* is a JSON pointer into the body, or a slash and the name of a parameter or form field."""

    detail: str
    pointer: str


class Problem(msgspec.Struct, kw_only=True):
    """*type* ends in a code that never changes; *detail* tells people what to do."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemDetail] | msgspec.UnsetType = msgspec.UNSET
