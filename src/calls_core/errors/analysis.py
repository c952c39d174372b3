"""Why a step of a recording failed, or an export."""

from calls_core.errors.reasons import CallsError


class AnalysisFailed(CallsError):
    """A step could not be done."""

    code = "analysis-failed"


class AudioRefused(AnalysisFailed):
    """The audio is not fit to be decoded; trying again would end the same way."""

    code = "audio-refused"


class NotAudio(AudioRefused):
    """The file is not audio in a format that we decode."""

    code = "not-audio"


class NoAudioStream(AudioRefused):
    """The file has no audio in it."""

    code = "no-audio-stream"


class AudioTooLong(AudioRefused):
    """The audio is longer than this service accepts."""

    code = "audio-too-long"


class AudioTooComplex(AudioRefused):
    """The audio has more channels or a higher sample rate than any telephone call."""

    code = "audio-too-complex"


class DecoderExhausted(AudioRefused):
    """Decoding passed its limit of time or memory."""

    code = "decoder-exhausted"


class DecoderDied(AnalysisFailed):
    """The decoder process died."""

    code = "decoder-died"


class AnalyzerCrashed(AnalysisFailed):
    """The analyzer raised an error of its own."""

    code = "analyzer-crashed"


class AnalyzerMissing(AnalysisFailed):
    """The analyzer of this step is not installed in the worker."""

    code = "analyzer-missing"


class StepTimedOut(AnalysisFailed):
    """The step did not end in time."""

    code = "step-timed-out"


class RecordingLost(AnalysisFailed):
    """The stored audio is missing or shorter than it was when it was accepted."""

    code = "recording-lost"


class SourceRefused(AnalysisFailed):
    """The recording cannot be pulled from its address."""

    code = "source-refused"


class AiRefused(AnalysisFailed):
    """The AI service refuses what we ask; trying again would end the same way."""

    code = "ai-refused"


class AiFailed(AiRefused):
    """The AI service took the work and could not do it."""

    code = "ai-failed"


class AiAnswerInvalid(AnalysisFailed):
    """The AI service answered something that makes no sense."""

    code = "ai-answer-invalid"


class ExportTooLarge(AnalysisFailed):
    """The archive would be larger than this service makes them."""

    code = "export-too-large"


class WorkerLost(AnalysisFailed):
    """Every worker that took this recording died."""

    code = "worker-lost"


class DeadlineExceeded(AnalysisFailed):
    """The recording could not be processed before its deadline."""

    code = "deadline-exceeded"


class NeedsFailedStep(AnalysisFailed):
    """A step that this one builds on failed."""

    code = "needs-failed-step"
