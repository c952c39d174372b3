"""What a start loads, and what it leaves for later."""

import os
import subprocess
import sys
from pathlib import Path

START = """
import asyncio, gc, sys
from calls_app.cli import commands
from calls_app.collecting import uncollected

async def start():
    from calls_app.container import make_container
    from calls_app.server import make_app
    from calls_app.environment import load_settings
    from calls_app.startup import prepare
    container = make_container(load_settings({}))
    await prepare(container, load_settings({}))
    make_app(container, load_settings({}), with_worker=True)
    await container.close()

with uncollected():
    commands("serve")
    asyncio.run(start())
print(gc.isenabled() and gc.get_freeze_count() > 100_000)
print(*sorted(set(sys.argv[1:]) & set(sys.modules)))
"""
LATE = (
    "aiobotocore",
    "aio_pika",
    "asyncpg",
    "av",
    "bcrypt",
    "calls_app.cli.demo",
    "httpx2",
    "jwt",
    "numpy",
    "opentelemetry.sdk",
    "pydantic.v1",
    "pydub",
    "snowballstemmer",
    "taskiq",
)


def test_a_start_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    """The embedded server is ready without the clients, codecs and languages that most of its life needs none of, and
    all that it is made of is left out of the search for garbage from then on."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", START, *LATE]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split("\n"), done.stderr) == (0, ["True", "", ""], "")
