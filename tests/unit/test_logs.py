"""What is written to the log, and what never is."""

import json
import subprocess
import sys

import pytest

FAILS = """
import logging, sys
from calls_app.environment import load_settings
from calls_app.logs import configure_logging

def sign_in(password):
    raise RuntimeError("no such user")

configure_logging(load_settings({"LOG_FORMAT": sys.argv[1]}))
try:
    sign_in("hunter2")
except RuntimeError:
    logging.getLogger("calls").exception("unexpected error")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_trace_shows_no_values(log_format: str) -> None:
    """Where it happened and what, and not with which password: variables of the functions on the way stay out."""
    done = subprocess.run([sys.executable, "-c", FAILS, log_format], capture_output=True, text=True, check=True)
    assert "no such user" in done.stderr
    assert "sign_in" in done.stderr
    assert "'hunter2'" not in done.stderr
    if log_format == "json":
        assert json.loads(done.stderr)["exception"][0]["frames"][-1]["name"] == "sign_in"
