"""What is asked for does not fit what is there."""

from calls_core.errors.reasons import CallsError


class Conflict(CallsError):
    """The request does not fit the present state."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A call in this status cannot do that."""

    code = "illegal-transition"


class RecordingExists(Conflict):
    """The call already has a recording."""

    code = "recording-exists"


class ExternalIdTaken(Conflict):
    """Another call with other content has this external_id."""

    code = "external-id-taken"


class StillProcessing(Conflict):
    """The recording is being processed."""

    code = "still-processing"


class StaleCall(Conflict):
    """The call was changed by someone else at the same time."""

    code = "stale-call"


class IdempotencyKeyInUse(Conflict):
    """A request with this Idempotency-Key is being answered."""

    code = "idempotency-key-in-use"


class UploadConflict(Conflict):
    """The upload does not stand where these bytes begin."""

    code = "upload-conflict"


class LeaseLost(Conflict):
    """Another worker holds the job by now."""

    code = "lease-lost"


class CallOnHold(Conflict):
    """The call is on a legal hold."""

    code = "legal-hold"


class ExportNotReady(Conflict):
    """The export has no archive."""

    code = "export-not-ready"


class UsernameTaken(Conflict):
    """Another user has this name."""

    code = "username-taken"


class LastAdmin(Conflict):
    """Nobody would be left to administer this service."""

    code = "last-admin"


class AccountsOff(Conflict):
    """This installation has no accounts."""

    code = "accounts-off"
