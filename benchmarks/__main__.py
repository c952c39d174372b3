"""Runs every benchmark, each in a process of its own, and reports: ``python -m benchmarks``, or ``nox -s bench``.

Small sizes; ``--full`` takes the sizes of the targets, and hours.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.report import REPORTED, RESULTS

SMALL: Final = {
    "startup": [],
    "api": ["--requests", "400", "--rounds", "3"],
    "wake_ups": ["--rounds", "3"],
    "upload": ["--sizes", "64", "256", "--rounds", "2", "--stall-size", "32"],
    "audio": ["--minutes", "10", "--rounds", "2", "--pydub"],
    "search": ["--rows", "100000", "--jobs", "300", "--rounds", "9"],
    "growth": [],
    "fleet": ["--processes", "1", "2", "--nothing", "400", "--seconds", "4"],
}
FULL: Final = {
    "startup": [],
    "api": ["--rows", "1000000"],
    "wake_ups": [],
    "upload": [],
    "audio": ["--pydub", "--memory", "1", "60", "240"],
    "search": [],
    "growth": ["--rows", "100000"],
    "fleet": [],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the sizes of the targets")
    parser.add_argument("--only", nargs="+", choices=REPORTED, help="these and no others")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the figures go")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    failed = []
    for name, arguments in (FULL if options.full else SMALL).items():
        if options.only and name not in options.only:
            continue
        print(f"\n=== {name} {' '.join(arguments)}", flush=True)
        began = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        if subprocess.run([*command, "--json", str(options.folder / f"{name}.json")], check=False).returncode:
            failed.append(name)
        print(f"=== {name} took {time.perf_counter() - began:.0f} s", flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.report", "--folder", str(options.folder)], check=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
