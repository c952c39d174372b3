"""The part of the wiring that processing recordings needs: audio, analyzers, AI services."""

from datetime import timedelta

from dishka import Provider, Scope, provide, provide_all

from calls_adapters.ai.told import JobAnswers
from calls_adapters.audio.decoder import ChildDecoder, DecoderLimits
from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.plugins import Plugin, choose_analyzers, load_plugins
from calls_adapters.sql.parts import SqlStepParts
from calls_app.settings import Settings, SettingsError
from calls_core.hookspecs import AiService, AnalysisOptions
from calls_core.ports import Analyzers, AnswerReader, AudioDecoder, AudioSource, StepParts
from calls_core.use_cases.analyze_file import AnalyzeFile
from calls_core.use_cases.attempt_steps import AttemptSteps
from calls_core.use_cases.link_outside import LinkOutside, Seals, TakeAnswer
from calls_core.use_cases.make_redacted_copy import MakeRedactedCopy
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.pull_recording import PullRecording
from calls_core.use_cases.run_step import RunStep
from calls_http.callbacks import CallbackGuard


class AnalysisUseCases(Provider):
    scope = Scope.APP
    use_cases = provide_all(
        AnalyzeFile,
        AttemptSteps,
        LinkOutside,
        MakeRedactedCopy,
        ProcessRecording,
        PullRecording,
        RunStep,
        TakeAnswer,
    )


class AnalysisAdapters(Provider):
    scope = Scope.APP
    parts = provide(SqlStepParts, provides=StepParts)
    answers = provide(JobAnswers, provides=AnswerReader)

    @provide
    def options(self, settings: Settings) -> AnalysisOptions:
        return analysis_options(settings)

    @provide
    def plugins(self, options: AnalysisOptions) -> tuple[Plugin, ...]:
        return load_plugins(options)

    @provide
    def analyzers(self, settings: Settings, plugins: tuple[Plugin, ...]) -> Analyzers:
        try:
            return Analyzers(choose_analyzers(plugins, settings.analyzer_names))
        except ValueError as error:
            raise SettingsError(str(error)) from None

    @provide
    def decoder(self, options: AnalysisOptions) -> AudioDecoder:
        return ChildDecoder(DecoderLimits(max_duration_sec=options.max_duration_sec))

    @provide
    def source(self, policy: AddressPolicy) -> AudioSource:
        from calls_adapters.outbound.source import HttpAudioSource  # noqa: PLC0415 (HTTP clients are slow to load)

        return HttpAudioSource(policy)

    @provide
    def seals(self, settings: Settings) -> Seals:
        lifetime = timedelta(seconds=settings.ai_link_sec)
        secret = settings.ai_link_secret if settings.ai_protocol == "async" else ""
        return Seals(secret, settings.public_base_url.rstrip("/"), lifetime)

    @provide
    def callback_guard(self, settings: Settings) -> CallbackGuard:
        return CallbackGuard(settings.ai_callback_auth, settings.ai_callback_name, settings.ai_callback_secret)


def analysis_options(settings: Settings) -> AnalysisOptions:
    """Return what analyzers are told of *settings*."""
    service = AiService(
        base_url=settings.ai_endpoint,
        api_key=settings.ai_api_key,
        model=settings.ai_model,
        language=settings.ai_language or None,
        timeout_sec=settings.ai_timeout_sec,
        max_piece_sec=settings.ai_max_piece_sec,
        max_upload_bytes=settings.ai_max_upload_bytes,
        max_answer_bytes=settings.ai_max_answer_bytes,
        protocol=settings.ai_protocol,
        poll_sec=settings.ai_poll_sec,
    )
    return AnalysisOptions(
        silence_threshold_dbfs=settings.silence_threshold_dbfs,
        silence_min_sec=settings.silence_min_sec,
        max_duration_sec=settings.max_duration_sec,
        ai=service if settings.ai_base_url else None,
    )
