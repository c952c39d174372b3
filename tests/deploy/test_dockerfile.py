"""The image, as far as it can be judged without building it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.capabilities import ROOT

DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Return each instruction with its arguments, in order."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, _, rest in found]


def final_stage() -> list[tuple[str, str]]:
    everything = instructions()
    start = max(number for number, (word, _) in enumerate(everything) if word == "FROM")
    return everything[start:]


def test_hadolint_finds_nothing() -> None:
    """The linter of Dockerfiles, and of the shell in them, has nothing to say."""
    beside = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [beside if beside.is_file() else shutil.which("hadolint") or "hadolint", DOCKERFILE],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_nobody_in_particular() -> None:
    """The user is a number that is not root's, so that Kubernetes can check it."""
    user = [rest for word, rest in final_stage() if word == "USER"][-1]
    assert all(int(part) >= 10_000 for part in user.split(":"))


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_signals_reach_the_service(word: str) -> None:
    """No shell stands between the engine and the process that must hear SIGTERM."""
    command = json.loads(next(rest for found, rest in final_stage() if found == word))
    assert command[0] in {"calls", "serve"}
    assert ("STOPSIGNAL", "SIGTERM") in final_stage()


def test_by_itself_it_stays_closed() -> None:
    """Started without a word, it refuses to open an API without accounts to the network."""
    assert "--insecure" not in DOCKERFILE.read_text().partition("\nCMD ")[2]


def test_nothing_is_installed_where_software_runs() -> None:
    """The final image gets one finished environment, loses pip, and fetches nothing."""
    stage = final_stage()
    assert [rest for word, rest in stage if word in {"COPY", "ADD"}] == ["--from=build /opt/calls /opt/calls"]
    runs = " ".join(rest for word, rest in stage if word == "RUN")
    assert "pip uninstall" in runs
    assert not [tool for tool in ("apt-get", "pip install", "curl", "wget") if tool in runs]


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    """.dockerignore admits exactly what the Dockerfile takes: no .env, no recordings, no history."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    admitted = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }

    assert patterns[0] == "*"
    assert copied == admitted
    assert all((ROOT / name).exists() for name in admitted)


def test_the_health_check_is_python() -> None:
    """What the health check runs compiles; there is no curl in the image."""
    check = next(rest for word, rest in final_stage() if word == "HEALTHCHECK")
    program, option, code = json.loads(check.partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
