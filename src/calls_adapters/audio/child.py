"""The decoder process: does one task on one file and ends."""

import json
import os
import time
from typing import BinaryIO, Final

from calls_adapters.audio import wire
from calls_adapters.audio.confinement import confine
from calls_adapters.audio.wire import Action, Task, send
from calls_core.errors import AudioRefused, DecoderExhausted

_PROGRESS_EVERY_SEC: Final = 0.5
_MESSAGE_LIMIT: Final = 500


def main(request: str) -> None:
    """Answer *request*, a ``Task`` as JSON, on what is standard output when this begins."""
    # A library that prints must not get between the messages.
    pipe = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)
    task = Task.from_json(request)
    try:
        confine(memory_bytes=task.memory_bytes, cpu_sec=task.cpu_sec)
        _answer(task, pipe)
    except BrokenPipeError:
        pass  # whoever asked has gone
    except AudioRefused as refusal:
        _refuse(pipe, refusal)
    except MemoryError:
        _refuse(pipe, DecoderExhausted(f"Decoding takes more than {task.memory_bytes >> 20} MiB of memory."))
    except Exception as error:  # noqa: BLE001 (the parent raises it again)
        send(pipe, wire.CRASHED, f"{type(error).__name__}: {error}"[:_MESSAGE_LIMIT].encode())
    # Nothing is left to be saved, and tearing the libraries down takes time.
    os._exit(0)


def _answer(task: Task, pipe: BinaryIO) -> None:
    # numpy starts threads and takes memory, so it comes after the limits.
    from calls_adapters.audio import tasks  # noqa: PLC0415
    from calls_adapters.audio.reading import Reading  # noqa: PLC0415

    reading = Reading(task.path, task.extension, max_duration_sec=task.max_duration_sec)
    progress = _Progress(pipe)
    if task.action is Action.DECODE:
        tasks.send_samples(reading, task, pipe)
    elif task.action is Action.MEASURE:
        send(pipe, wire.MEASURED, tasks.measure(reading, task, progress).pack())
    else:
        from calls_adapters.audio.segments import measure_by_segments  # noqa: PLC0415 (pydub takes a while)

        send(pipe, wire.MEASURED, measure_by_segments(reading, task, progress).pack())
    caveat = reading.caveat()
    send(pipe, wire.END, json.dumps(caveat and [caveat.code, caveat.detail]).encode())


def _refuse(pipe: BinaryIO, refusal: AudioRefused) -> None:
    send(pipe, wire.REFUSED, json.dumps([type(refusal).__name__, str(refusal)]).encode())


class _Progress:
    """Tells the parent how far we are, but no more than twice a second."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._next = time.monotonic() + _PROGRESS_EVERY_SEC

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_EVERY_SEC
            send(self._pipe, wire.PROGRESS, wire.FRACTION.pack(share))
