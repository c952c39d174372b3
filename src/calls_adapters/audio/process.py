"""Runs decoder processes: one for each file, watched, and killed as soon as nobody needs it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio

import calls_adapters
from calls_adapters.audio import wire
from calls_adapters.audio.wire import Task
from calls_core.errors import AudioRefused, DecoderDied, DecoderExhausted

SILENT_LIMIT_SEC: Final = 120.0
"""How long a decoder may go without saying anything before it counts as stuck."""

# -I and -S: nothing from the environment, the user or the working directory gets in; the paths are ours, by argument.
_START: Final = "import sys; sys.path += sys.argv[2:]; from calls_adapters.audio.child import main; main(sys.argv[1])"
_SOURCES: Final = str(Path(next(iter(calls_adapters.__path__))).parent)
_BUFFER: Final = 1 << 20
_REFUSALS: Final = {refusal.__name__: refusal for refusal in AudioRefused.__subclasses__()}

Message = tuple[bytes, bytes]


@asynccontextmanager
async def decoder_process(
    task: Task, silent_limit_sec: float = SILENT_LIMIT_SEC
) -> AsyncGenerator[AsyncIterator[Message]]:
    """Lend the messages of a fresh decoder process, up to and with ``wire.END``; it is dead when the context exits.

    Raises (while iterating):
        AudioRefused: the process said so, or used up its limits.
        DecoderDied: the process crashed, or what it says makes no sense.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-c", _START, task.to_json(), _SOURCES, *map(os.path.abspath, filter(None, sys.path))),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_BUFFER,
        cwd="/",
        env=_environment(),
        start_new_session=True,
    )
    try:
        yield _messages(process, task, silent_limit_sec)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await process.wait()


def _environment() -> dict[str, str]:
    """No secrets. One thread and one arena, or the limit of memory is spent on empty stacks; pydub needs a PATH."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {**kept, "PATH": "", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


async def _messages(process: asyncio.subprocess.Process, task: Task, silent_limit_sec: float) -> AsyncIterator[Message]:
    assert process.stdout is not None  # noqa: S101 (mypy cannot know)
    kind = b""
    while kind != wire.END:
        try:
            async with asyncio.timeout(silent_limit_sec):
                kind, size = wire.HEAD.unpack(await process.stdout.readexactly(wire.HEAD.size))
                if size > wire.PAYLOAD_LIMIT:
                    raise DecoderDied("The decoder process said something that makes no sense.")
                payload = await process.stdout.readexactly(size)
        except TimeoutError as error:
            raise DecoderExhausted(f"The decoder process was stuck for {silent_limit_sec:g} seconds.") from error
        except asyncio.IncompleteReadError as error:
            raise _death(await process.wait(), task) from error
        if kind == wire.CRASHED:
            raise DecoderDied(f"The decoder process failed: {payload.decode(errors='replace')}")
        if kind == wire.REFUSED:
            raise _refusal(payload)
        yield kind, payload


def _death(code: int, task: Task) -> AudioRefused | DecoderDied:
    if code == -signal.SIGXCPU:
        return DecoderExhausted(f"Decoding takes more than {task.cpu_sec} seconds of processor time.")
    how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return DecoderDied(f"The decoder process died: {how}.")


def _refusal(payload: bytes) -> AudioRefused | DecoderDied:
    try:
        name, detail = json.loads(payload)
        return _REFUSALS[name](detail)
    except (ValueError, KeyError, TypeError):
        return DecoderDied("The decoder process said something that makes no sense.")
