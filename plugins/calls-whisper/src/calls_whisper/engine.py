"""faster-whisper: Whisper by CTranslate2 on the CPU, and Silero's speech detector."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from calls_core.errors import Unavailable

from calls_whisper.settings import WhisperSettings
from calls_whisper.speech import Engine, HeardWord, Samples, Written

# OpenAI's thresholds (whisper/transcribe.py): what passes one of the first two is decoded again, less strictly. What is
# still too regular then may have been said like that, and is left to without_loops.
_COMPRESSION_RATIO: Final = 2.4
_LOG_PROBABILITY: Final = -1.0
_NO_SPEECH: Final = 0.6
_TEMPERATURES: Final = (0.0, 0.4)

_GUESSED: Final = -1.25
"""Below this mean logarithm of probability, after all temperatures, text has little to do with the sound."""

_SQUEEZED_SEC: Final = 0.03
_SQUEEZED_SHARE: Final = 1 / 3
_FEW_WORDS: Final = 3

_SPEECH: Final = {"threshold": 0.4, "min_silence_duration_ms": 2000, "speech_pad_ms": 400}
"""Lenient on purpose: it shall refuse noise, tones and music, and never shorten a word."""

_FILES: Final = ("model.bin", "config.json", "tokenizer.json")


class ModelUnavailable(Unavailable):
    """The speech model cannot be used."""

    code = "whisper-model-unavailable"


def load_engine(settings: WhisperSettings) -> Engine:
    """Load the model, which takes a second or so. Blocks.

    Raises:
        ModelUnavailable: it is not there, is no model, or does not know the language.
    """
    # Here and not above: the libraries take 60 MB and half a second, also where ANALYZERS leaves this analyzer out.
    from faster_whisper import WhisperModel  # type: ignore[import-untyped]  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 (as above)

    # faster-whisper makes its spectrogram by NumPy, whose OpenBLAS hands half of it to another thread and, on a machine
    # under load, may wait for that half for ever: no recording would be transcribed any more.
    threadpool_limits(1, user_api="blas")
    folder = _folder(settings)
    try:
        model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=settings.threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelUnavailable(f"the model in {folder} cannot be loaded: {error}") from error
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelUnavailable(f"the tokenizer.json in {folder} cannot be read: {error}") from error
    if settings.language and settings.language not in model.supported_languages:
        known = ", ".join(sorted(model.supported_languages))
        raise ModelUnavailable(
            f"CALLS_WHISPER_LANGUAGE: the model {settings.model} does not know {settings.language!r}; it knows {known}"
        )
    return FasterWhisperEngine(model)


class FasterWhisperEngine(Engine):
    def __init__(self, model: Any) -> None:  # noqa: ANN401 (the library has no types)
        self._model = model

    def speech(self, samples: Samples) -> Sequence[tuple[int, int]]:
        from faster_whisper.vad import VadOptions, get_speech_timestamps  # type: ignore[import-untyped]  # noqa: PLC0415

        found = get_speech_timestamps(samples, VadOptions(**_SPEECH))
        return [(int(stretch["start"]), int(stretch["end"])) for stretch in found]

    def write_down(self, samples: Samples, language: str | None) -> Written:
        segments, info = self._model.transcribe(
            samples,
            language=language,
            beam_size=1,
            temperature=_TEMPERATURES,
            compression_ratio_threshold=_COMPRESSION_RATIO,
            log_prob_threshold=_LOG_PROBABILITY,
            no_speech_threshold=_NO_SPEECH,
            condition_on_previous_text=False,
            word_timestamps=True,
        )
        sentences = [
            [HeardWord(str(word.word), float(word.start), float(word.end)) for word in segment.words or ()]
            for segment in segments
            if segment.avg_logprob >= _GUESSED
        ]
        sentences = [sentence for sentence in sentences if not is_squeezed(sentence)]
        ranking = () if language else info.all_language_probs or ((info.language, 1.0),)
        return Written(sentences, {str(name): float(probability) for name, probability in ranking})


def is_squeezed(sentence: Sequence[HeardWord]) -> bool:
    """Tell whether many of the words found no sound of their own: text that was made up."""
    squeezed = sum(word.end_sec - word.start_sec < _SQUEEZED_SEC for word in sentence)
    return len(sentence) >= _FEW_WORDS and squeezed > _SQUEEZED_SHARE * len(sentence)


def _folder(settings: WhisperSettings) -> Path:
    """Find the model's files, in the folder that was named or in the Hub's cache."""
    named = Path(settings.model).expanduser()
    folder = named if named.is_dir() else _from_hub(settings)
    # Without its tokenizer the library would look for one on the network.
    if missing := [name for name in _FILES if not (folder / name).is_file()]:
        raise ModelUnavailable(
            f"CALLS_WHISPER_MODEL: {folder} holds no {' and no '.join(missing)};"
            " it must be a Whisper model in CTranslate2's format"
        )
    return folder


def _from_hub(settings: WhisperSettings) -> Path:
    from faster_whisper import available_models, download_model  # noqa: PLC0415 (heavy, see load_engine)

    name = settings.model
    if name.startswith(("/", "./", "../", "~")):
        raise ModelUnavailable(f"CALLS_WHISPER_MODEL: there is no folder {name}")
    if name not in available_models() and name.count("/") != 1:
        raise ModelUnavailable(
            f"CALLS_WHISPER_MODEL: {name!r} is no folder and no model's name;"
            f" the names are {', '.join(available_models())}, or OWNER/NAME on the Hugging Face Hub"
        )
    try:
        return Path(download_model(name, local_files_only=not settings.download))
    except Exception as error:  # the Hub's client raises what its HTTP library does
        how = (
            f"{str(error).partition(chr(10))[0] or type(error).__name__}"
            if settings.download
            else "it is not on this machine; name its folder, or set CALLS_WHISPER_DOWNLOAD=true once"
        )
        raise ModelUnavailable(f"CALLS_WHISPER_MODEL: the model {name} cannot be had: {how}") from error
