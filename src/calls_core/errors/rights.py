"""Who asks is not known, or may not."""

from datetime import timedelta

from calls_core.errors.reasons import CallsError


class NotSignedIn(CallsError):
    """The request does not say who sends it, or cannot prove it."""

    code = "not-signed-in"


class BadCredentials(NotSignedIn):
    """User name or password are wrong."""

    code = "bad-credentials"


class Forbidden(CallsError):
    """Your rights do not reach that far."""

    code = "forbidden"


class UnknownHost(Forbidden):
    """The service does not go by this name."""

    code = "unknown-host"


class OriginalNeeded(Forbidden):
    """This is only for those who may hear the original."""

    code = "original-needed"


class TooManyAttempts(CallsError):
    """Too many attempts to sign in."""

    code = "too-many-attempts"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after
