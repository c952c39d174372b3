"""The process that commands run in."""

import os

import pytest

from calls_app.cli import main


def test_numpy_is_told_to_work_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of OpenBLAS may wait for each other for ever; whoever has chosen a number keeps it."""
    monkeypatch.setattr("sys.argv", ["calls", "--help"])
    for given, told in (("4", "4"), ("", "1")):
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
        if not given:
            monkeypatch.delenv("OPENBLAS_NUM_THREADS")
        with pytest.raises(SystemExit):
            main()
        assert os.environ["OPENBLAS_NUM_THREADS"] == told
