"""Follows a page of the documentation as a reader does: types its commands, writes its files, looks at its answers."""

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import sysconfig
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from tests.servers.ports import free_port
from tests.servers.service import PLAIN

COMMAND_LIMIT_SEC: Final = 120.0
ANSWER_LIMIT_SEC: Final = 60.0
POLL_SEC: Final = 0.05

_FENCE: Final = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_PROGRAMS: Final = {
    "calls": "from calls_app.cli import main; main()",
    "pip": "from pip._internal.cli.main import main; raise SystemExit(main())",
    "pytest": "import pytest; raise SystemExit(pytest.console_main())",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: of *language*, and for the *file* that the line before it names."""

    language: str
    text: str
    file: str | None

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """Every command that follows a ``$``, with the lines that it is said to print."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif line.strip():
                found[-1][1].append(line.strip())
        return found


def blocks(page: Path) -> list[Block]:
    return [Block(m["language"], m["text"], m["file"]) for m in _FENCE.finditer(page.read_text())]


class Reader:
    """Somebody in a folder, with a virtual environment that holds what this one holds and what pip adds.

    ``calls serve`` goes on in the background, on a port of its own, until it is called again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = ""
        self.call_id = "ID"
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._programs = _environment(folder / ".venv")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_server()

    def follow(self, block: Block) -> None:
        if block.file is not None:
            (self.folder / block.file).write_text(block.text)
        elif block.language == "console":
            for command, expected in block.commands:
                self._type(command)
                missing = [line for line in expected if line not in self.output]
                assert not missing, f"{command}\ndoes not print {missing} but\n{self.output}"
        else:
            raise AssertionError(f"what is the reader to do with this?\n{block.text}")

    def recording(self) -> dict[str, Any]:
        """Return the last answer again, as soon as every step in it has ended."""
        deadline = time.monotonic() + ANSWER_LIMIT_SEC
        while time.monotonic() < deadline:
            found: dict[str, Any] = self._get(f"/calls/{self.call_id}/recording").json()
            if all(step["status"] in {"done", "failed", "skipped"} for step in found["steps"]):
                return found
            time.sleep(POLL_SEC)
        raise AssertionError(f"it is still not processed: {found}")

    def _type(self, command: str) -> None:
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}").replace("/ID/", f"/{self.call_id}/")
        if command.endswith("calls serve"):
            self._end_server()
            self._start_server(f"{command} --port {self._port}")
            return
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_LIMIT_SEC,
            check=False,
        )
        self.output = done.stdout
        assert done.returncode == 0, f"{command}\n{self.output}"
        if command.startswith("curl"):
            answer = json.loads(self.output)
            assert "code" not in answer, self.output
            self.call_id = answer.get("call_id", answer["id"])

    def _variables(self) -> dict[str, str]:
        variables = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "COLUMNS": "100",
            "NO_PROXY": "127.0.0.1",
            # Everything is there, hatchling included: no index is asked.
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # sic: pip reads it as the option's value, which is whether to isolate
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return variables | {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}

    def _start_server(self, command: str) -> None:
        log = self.folder / "serve.log"
        with log.open("ab") as output:
            self._server = subprocess.Popen(
                ["bash", "-c", f"exec env {command}"],
                cwd=self.folder,
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + ANSWER_LIMIT_SEC
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                if self._get("/health/ready").is_success:
                    return
            except httpx2.TransportError:
                time.sleep(POLL_SEC)
        raise AssertionError(f"{shlex.quote(command)} did not start:\n{log.read_text()}")

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(ANSWER_LIMIT_SEC)
            finally:
                if self._server.poll() is None:
                    os.killpg(self._server.pid, signal.SIGKILL)
                    self._server.wait()
                self._server = None

    def _get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self._port}{path}", timeout=5, **PLAIN)


def _environment(folder: Path) -> Path:
    """Make a virtual environment on top of the one that runs the tests, and return the folder of its programs.

    What pip installs in it is seen in it only; a whole environment of its own would take minutes.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / "bin"
    below = [sysconfig.get_path(kind) for kind in ("purelib", "platlib")]
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    lines = [f"import site; site.addsitedir({place!r})\n" for place in sorted(set(below))]
    (own / "below.pth").write_text("".join(lines))
    for name, code in _PROGRAMS.items():
        program = programs / name
        program.write_text(f"#!{programs / 'python'}\n{code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert Path(sys.prefix) != folder
    return programs
