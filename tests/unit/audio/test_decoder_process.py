"""The child process: confined, watched, and gone as soon as nobody needs it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from calls_adapters.audio import wire
from calls_adapters.audio.decoder import ChildDecoder, DecoderLimits, task_for
from calls_adapters.audio.process import decoder_process
from calls_adapters.audio.wire import Action
from calls_core.errors import AudioTooLong, DecoderDied, DecoderExhausted, NotAudio
from tests.audio_files import riff, speech, wav

pytestmark = pytest.mark.anyio


def decoders() -> list[int]:
    """Return the decoder processes that we have started and that have not been collected."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                line = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == os.getpid() and (not line or b"calls_adapters.audio.child" in line):
                found.append(int(folder.name))
    return found


async def listen(decoder: ChildDecoder, path: Path, then: Callable[[], None] = lambda: None) -> None:
    async with decoder.decode(path, path.name) as audio:
        async for _block in audio:
            then()


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    path = tmp_path / "hour.wav"
    with path.open("wb") as file:
        file.write(wav(speech(1, [[]]), data_size=57_600_000))
        file.truncate(57_600_044)
    return path


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    return done.stdout.strip()


async def test_leaving_early_ends_the_process_at_once(hour: Path) -> None:
    """Who has heard enough leaves, and no process stays behind, not even a dead one."""
    async with ChildDecoder().decode(hour, "hour.wav") as audio:
        async for _block in audio:
            assert len(decoders()) == 1
            break

    assert decoders() == []


async def test_cancelling_ends_the_process(hour: Path) -> None:
    """A cancelled reader takes its process along."""
    started = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(listen, ChildDecoder(), hour, started.set)
        await started.wait()
        group.cancel_scope.cancel()

    assert decoders() == []


async def test_an_error_of_the_reader_ends_the_process(hour: Path) -> None:
    """The reader's own error passes through unchanged and leaves no process behind."""

    def stumble() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await listen(ChildDecoder(), hour, stumble)

    assert decoders() == []


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
async def test_a_crash_is_told_from_a_refusal(number: signal.Signals, hour: Path) -> None:
    """A process that dies by a signal may be tried again, and the error names the signal."""

    def shoot() -> None:
        for victim in decoders():
            with suppress(ProcessLookupError):  # it has died of the first shot by now
                os.kill(victim, number)

    with pytest.raises(DecoderDied, match=number.name):
        await listen(ChildDecoder(), hour, shoot)
    assert decoders() == []


async def test_a_process_that_says_nothing_is_killed(hour: Path) -> None:
    """Silence beyond the limit ends the process; a slow reader does not count as such."""
    with pytest.raises(DecoderExhausted, match="stuck"):
        await listen(ChildDecoder(DecoderLimits(silent_limit_sec=0.001)), hour)
    assert decoders() == []


async def test_a_slow_reader_is_waited_for(hour: Path) -> None:
    """The time that the reader takes is its own: samples wait in the pipe."""
    limits = DecoderLimits(silent_limit_sec=2.0)
    async with ChildDecoder(limits).decode(hour, "hour.wav") as audio:
        blocks = aiter(audio)
        await anext(blocks)
        await anyio.sleep(2.5)
        assert len([block async for block in blocks]) > 100


async def test_the_limit_of_processor_time(tmp_path: Path) -> None:
    """Work without end is ended by the kernel, and is not tried again."""
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.write(riff(b"", tag=1, channels=8, rate=192_000, bits=16, data_size=0x7FFFFFFF))
        file.truncate(80 << 30)
    task = task_for(Action.MEASURE, path, "a.wav", DecoderLimits(max_duration_sec=1e9))

    async def wait() -> None:
        async with decoder_process(replace(task, cpu_sec=1)) as messages:
            async for _message in messages:
                pass

    with pytest.raises(DecoderExhausted, match="1 seconds of processor time"):
        await wait()
    assert decoders() == []


async def test_the_limit_of_memory(tmp_path: Path) -> None:
    """Memory is limited in the process itself, whose parent goes on as if nothing had been."""
    path = tmp_path / "a.amr"
    with path.open("wb") as file:
        file.write(b"#!AMR\n")
        file.truncate(600 << 20)

    with pytest.raises(DecoderExhausted, match="MiB of memory"):
        await listen(ChildDecoder(DecoderLimits(max_duration_sec=1e9)), path)


async def test_it_gets_no_secrets(hour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment of the parent nor a name that a client gave is to be found in the process."""
    monkeypatch.setenv("AUTH_SECRET", "canary")

    async with ChildDecoder().decode(hour, "+7900 called about canary.wav") as audio:
        async for _block in audio:
            folder = Path("/proc") / str(decoders()[0])
            assert b"canary" not in (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            break


def test_confinement(tmp_path: Path) -> None:
    """A confined process can neither write a file nor, where the kernel lets us, connect even to its own machine."""
    code = f"""
import socket
from calls_adapters.audio.confinement import confine, leave_network
listener = socket.create_server(("127.0.0.1", 0))
confine(memory_bytes=1 << 30, cpu_sec=10)
try:
    with open({str(tmp_path / "a")!r}, "wb", buffering=0) as file:
        file.write(b"x")
    print("written")
except OSError:
    print("refused", end=" ")
try:
    socket.create_connection(listener.getsockname(), 1)
    print("connected", leave_network())
except OSError:
    print("alone")
"""
    assert run(code) in {"refused alone", "refused connected False"}


def test_the_parent_stays_light() -> None:
    """What the service imports brings neither numpy nor PyAV nor pydub along."""
    code = """
import sys
import calls_adapters.audio.decoder, calls_adapters.audio.pydub, calls_adapters.audio.signal
print({"numpy", "av", "pydub"} & set(sys.modules))
"""
    assert run(code) == "set()"


def test_hearing_wav_needs_no_pyav() -> None:
    """The plain path of the child does without FFmpeg's libraries, which take a while to load."""
    code = "import sys, calls_adapters.audio.reading, calls_adapters.audio.tasks; print('av' in sys.modules)"

    assert run(code) == "False"


async def test_many_at_once(tmp_path: Path) -> None:
    """Decoders do not get in each other's way: a refusal, a limit and a good file side by side."""
    (tmp_path / "a.wav").write_bytes(wav(speech(3, [[]])))
    (tmp_path / "b.wav").write_bytes(b"no audio at all, as you can read")
    (tmp_path / "c.wav").write_bytes(wav(speech(9, [[]])))
    decoder = ChildDecoder(DecoderLimits(max_duration_sec=5))

    async def outcome(name: str) -> object:
        try:
            async with decoder.decode(tmp_path / name, name) as audio:
                return sum([len(block[0]) // 2 async for block in audio])
        except (NotAudio, AudioTooLong) as error:
            return type(error)

    found = await asyncio.gather(*(outcome(name) for name in ("a.wav", "b.wav", "c.wav") * 2))

    assert found == [24000, NotAudio, AudioTooLong] * 2
    assert decoders() == []


def test_messages_survive_the_pipe() -> None:
    """A result is the same on both sides, and a shortened one is noticed."""
    sent = wire.Measured(
        duration_sec=1.5, codec="opus", channels=2, sample_rate_hz=48000, samples_per_point=48,
        marks=b"m" * 12, levels=b"l" * 8, peaks=b"p" * 4,
    )  # fmt: skip

    assert wire.Measured.unpack(sent.pack()) == sent
    with pytest.raises(ValueError, match="add up"):
        wire.Measured.unpack(sent.pack()[:-1])
