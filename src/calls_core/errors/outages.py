"""What cannot be had now, or not here."""

from datetime import timedelta

from calls_core.errors.reasons import CallsError


class AnswerAwaited(CallsError):
    """The work was handed to the AI service, and its answer has not come yet."""

    code = "answer-awaited"

    def __init__(self, message: str, *, key: str, look_again_after: timedelta) -> None:
        """*key* names the part of the step that the answer will be put into."""
        super().__init__(message)
        self.key = key
        self.look_again_after = look_again_after


class PresignedUrlsUnavailable(CallsError):
    """Recordings are not kept in S3 here."""

    code = "presigned-urls-unavailable"


class Unavailable(CallsError):
    """A part behind this service does not answer."""

    code = "unavailable"

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        """*retry_after* is how long the part has asked us to leave it alone."""
        super().__init__(message)
        self.retry_after = retry_after


class RepositoryUnavailable(Unavailable):
    """The database does not answer."""

    code = "database-unavailable"


class StorageUnavailable(Unavailable):
    """The audio storage does not answer."""

    code = "storage-unavailable"


class SourceUnavailable(Unavailable):
    """The address that the recording is pulled from does not answer."""

    code = "source-unavailable"


class AiUnavailable(Unavailable):
    """The AI service does not answer, or has too much to do."""

    code = "ai-unavailable"


class IntakePaused(Unavailable):
    """New calls are not accepted at the moment."""

    code = "intake-paused"
