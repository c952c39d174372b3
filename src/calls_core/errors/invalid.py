"""What was sent cannot be taken as it is."""

from collections.abc import Sequence

from calls_core.errors.reasons import CallsError, FieldError


class InvalidInput(CallsError):
    """The request cannot be understood."""

    code = "invalid"

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class InvalidCall(InvalidInput):
    """The fields of the call are not valid."""

    code = "invalid-call"


class InvalidQuery(InvalidInput):
    """The search cannot be understood."""

    code = "invalid-query"


class UnsupportedExtension(InvalidInput):
    """Files with this extension are not accepted."""

    code = "unsupported-extension"


class EmptyRecording(InvalidInput):
    """The file holds no bytes."""

    code = "empty-recording"


class DigestMismatch(InvalidInput):
    """The bytes that arrived are not the bytes that were announced."""

    code = "digest-mismatch"


class IdempotencyKeyReused(InvalidInput):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"


class InvalidDestination(InvalidInput):
    """The destination is not valid."""

    code = "invalid-webhook"


class UnknownAnalyzer(InvalidInput):
    """The recording has no step of this name."""

    code = "unknown-analyzer"


class InvalidAccount(InvalidInput):
    """The fields of the account are not valid."""

    code = "invalid-account"


class TooLarge(CallsError):
    """The upload is larger than this service accepts."""

    code = "too-large"
