"""Names of files, manifests, and the watched folder."""

import csv
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from calls_app.intake import Then
from calls_app.intake.items import Item, items_of
from calls_app.intake.ledger import Entry, Outcome, open_ledger
from calls_app.intake.naming import Naming
from calls_app.intake.receivers import Receiver, Refused, Taken, Unreachable
from calls_app.intake.running import Import
from calls_app.intake.watching import JOURNAL, Watch
from calls_core.call import CallDetails
from calls_core.errors import InvalidInput

pytestmark = pytest.mark.anyio

FREEPBX = "out-79001234567-201-20260102-060405-1767323045.17"


@pytest.mark.parametrize(
    ("preset", "stem", "zone", "expected"),
    [
        ("freepbx", FREEPBX, None, ("201", "79001234567", "2026-01-02T03:04:05+00:00", "outbound")),
        ("asterisk", "q-600-+7900-20260102-060405-pbx1-1767323045.17", None, ("+7900", "600", "03:04:05", None)),
        ("asterisk", "internal-202-201-20260102-060405-1767323045.1", None, ("201", "202", "03:04:05", "internal")),
        ("asterisk", "auto-1767323045-201-79001234567", None, ("201", "79001234567", "03:04:05", None)),
        (
            "freeswitch",
            "2026-01-02-06-04-05_1000_79001234567",
            "Europe/Moscow",
            ("79001234567", "1000", "+03:00", None),
        ),
        (
            r"(?P<started_at>[^_]+)_(?P<caller>\d+)_(?P<receiver>\d+)",
            "2026-01-02T03:04:05Z_1_2",
            None,
            ("1", "2", "Z", None),
        ),
    ],
)
def test_names_tell_of_calls(preset: str, stem: str, zone: str | None, expected: tuple[Any, ...]) -> None:
    """Who called whom, when, and in which direction, as the telephone systems write it."""
    fields = Naming.parsed(preset, zone).fields(stem)
    assert (fields["caller"], fields["receiver"], fields.get("direction")) == (expected[0], expected[1], expected[3])
    assert expected[2] in fields["started_at"]


def test_what_a_name_cannot_tell_is_said() -> None:
    """Local times need a place, and other names are refused."""
    with pytest.raises(InvalidInput, match="--zone"):
        Naming.parsed("freeswitch", None).fields("2026-01-02-06-04-05_1000_7900")
    with pytest.raises(InvalidInput, match="no time"):
        Naming.parsed("freeswitch", "UTC").fields("2026-13-02-06-04-05_1000_7900")
    with pytest.raises(InvalidInput, match="pattern"):
        Naming.parsed("asterisk", None).fields("holiday")
    for pattern, zone, why in (("(", None, "--pattern"), ("(?P<colour>.)", None, "colour"), ("x", "Mars", "--zone")):
        with pytest.raises(ValueError, match=why):
            Naming.parsed(pattern, zone)


def test_manifests_describe_calls(tmp_path: Path) -> None:
    """Columns and JSON fields are those of a call; files are found from the manifest's folder."""
    wanted = {"caller": "1", "receiver": "2", "started_at": "2026-01-02T03:04:05Z", "tags": ["a", "b"]}
    (tmp_path / "m.csv").write_text(
        'file,caller,receiver,started_at,tags,agent\na.wav,1,2,2026-01-02T03:04:05Z,"a,b",\n'
    )
    (tmp_path / "m.jsonl").write_text("\n" + json.dumps({"file": "a.wav", **wanted}) + "\n")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    found = [next(items_of(tmp_path / name, None)) for name in ("m.csv", "m.jsonl")]
    assert found[0].details() == found[1].details()
    assert found[0].details().tags == ("a", "b")
    assert found[0].identified() == found[1].identified()
    assert found[0].path == tmp_path / "a.wav"
    for name, text in {
        "x.csv": "caller\n1\n",
        "y.csv": "file,colour\na,red\n",
        "z.csv": "file,caller,caller\na,1,2\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=name):
            list(items_of(tmp_path / name, None))


def refusal(item: Item) -> str:
    with pytest.raises(InvalidInput) as refused:
        item.details()
    return str(refused.value)


def test_a_line_that_is_wrong_keeps_no_other_from_being_taken(tmp_path: Path) -> None:
    """It is told by its number; a byte order mark, semicolons and blanks around names are what spreadsheets write."""
    when = "2026-01-02T03:04:05Z"
    lines = ["\ufefffile; caller;receiver;started_at", f"a.wav;1;2;{when}", f"b.wav;1;2;{when};x", ";1", "c.wav"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    found = list(items_of(tmp_path / "m.csv", None))
    assert [item.name for item in found] == ["a.wav", "line 3", "line 4", "c.wav"]
    assert found[0].details().caller == "1"
    assert [refusal(item)[:7] for item in found[1:]] == ["line 3 ", "line 4 ", "/caller"]
    good = json.dumps({"file": "a.wav", "caller": "1", "receiver": "2", "started_at": when})
    (tmp_path / "m.jsonl").write_text(f'\ufeff{good}\n{{"file": \n[]\n{{}}\n{{"file": 7}}\n{good}\n')
    found = list(items_of(tmp_path / "m.jsonl", None))
    assert [item.name for item in found] == ["a.wav", "line 2", "line 3", "line 4", "line 5", "a.wav#2"]
    assert all(refusal(item).startswith(item.name) for item in found[1:-1])
    (tmp_path / "w.csv").write_bytes("file,caller\nа.wav,1\n".encode("cp1251"))
    with pytest.raises(ValueError, match="UTF-8"):
        list(items_of(tmp_path / "w.csv", None))


async def test_each_line_of_a_manifest_is_taken_whatever_file_it_names(tmp_path: Path) -> None:
    """Two calls may share a recording, and a line that is there twice is one call; a second run knows all of them."""
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    line = {"file": "a.wav", "caller": "1", "receiver": "2", "started_at": "2026-01-02T03:04:05Z"}
    lines = [line, line, line | {"external_id": "x"}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    recorder = Recorder()
    with open_ledger(tmp_path / "report.csv") as ledger:
        counts = await Import(recorder, ledger, at_once=1)(items_of(tmp_path / "m.jsonl", None))
        assert counts == {Outcome.ACCEPTED: 2, Outcome.KNOWN: 1}
        assert await Import(recorder, ledger)(items_of(tmp_path / "m.jsonl", None)) == {}
    assert [row["source"] for row in csv.DictReader((tmp_path / "report.csv").read_text().splitlines())] == [
        "a.wav",
        "a.wav#2",
        "a.wav#3",
    ]


async def test_a_name_that_is_not_utf_8_is_refused_alone(tmp_path: Path) -> None:
    """Recorders of old write names as their country did; the report has them to the byte."""
    folder = tmp_path / "in"
    folder.mkdir()
    odd = os.fsdecode("out-7900-Анна-20260102-060405-1767323045.1.wav".encode("cp1251"))
    for name in (odd, f"{FREEPBX}.wav"):
        (folder / name).write_bytes(b"RIFF")
    with open_ledger(tmp_path / "report.csv") as ledger:
        counts = await Import(Recorder(), ledger)(items_of(folder, Naming.parsed("freepbx", None)))
    assert counts == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 1}
    assert os.fsencode(odd) in (tmp_path / "report.csv").read_bytes()


async def test_a_file_that_cannot_be_moved_stays_and_others_are_taken(tmp_path: Path) -> None:
    """It is handed over once, and tried to be moved once."""
    (tmp_path / "done").write_text("in the way of the folder")
    for name in (FREEPBX, f"{FREEPBX}1"):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    async with watching(tmp_path, Then.MOVE) as (watch, recorder):
        await watch.look()
        lie_still()
        assert await watch.look() == 2
        assert await watch.look() == 0
        assert len(recorder.taken) == 2
        assert (tmp_path / f"{FREEPBX}.wav").exists()


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    """What was written whole is known to the next run; only one process may write at a time."""
    path = tmp_path / "report.csv"
    with open_ledger(path) as ledger:
        ledger.note(Entry(source="a, b\n.wav", outcome=Outcome.ACCEPTED, call_id="7"))
        ledger.note(Entry(source="c.wav", outcome=Outcome.REFUSED, detail="two\nlines"))
        with pytest.raises(ValueError, match="in use"), open_ledger(path):
            pass
    with path.open("a") as file:
        file.write("d.wav,acc")
    with open_ledger(path) as ledger:
        assert ledger.done == {"a, b\n.wav"}
    assert path.read_text().endswith("Z\n")


@dataclass
class Recorder(Receiver):
    """Takes what it is told to, and remembers it."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    error: Exception | None = None

    async def take(self, details: CallDetails, path: Path) -> Taken:
        if self.error:
            raise self.error
        known = details.external_id in {name for name, _ in self.taken}
        self.taken.append((str(details.external_id), path.read_bytes()))
        return Taken(str(len(self.taken)), not known)


def lie_still() -> None:
    """Let the files of the folder be as they are for as long as the watch wants to see it."""
    time.sleep(0.04)


@asynccontextmanager
async def watching(folder: Path, then: Then = Then.KEEP) -> AsyncIterator[tuple[Watch, Recorder]]:
    with open_ledger(folder / JOURNAL) as ledger:
        yield Watch(folder, Naming.parsed("freepbx", None), recorder := Recorder(), ledger, 0.03, 0.01, then), recorder


async def test_a_file_is_taken_when_it_is_whole(tmp_path: Path) -> None:
    """Not while it grows, not under a name that says it is unfinished; when it has been left alone, once."""
    path = tmp_path / f"{FREEPBX}.wav"
    async with watching(tmp_path) as (watch, recorder):
        (tmp_path / f"{FREEPBX}.wav.part").write_bytes(b"RI")
        for size in range(1, 4):
            path.write_bytes(b"R" * size)
            assert await watch.look() == 0
            os.utime(path, ns=(size, size))
        assert await watch.look() == 0
        lie_still()
        assert await watch.look() == 1
        assert await watch.look() == 0
        assert recorder.taken == [("1767323045.17", b"RRR")]
    async with watching(tmp_path) as (watch, recorder):
        await watch.look()
        lie_still()
        assert await watch.look() == 0


async def test_refused_files_are_moved_aside_with_the_reason(tmp_path: Path) -> None:
    """Beside those that were refused before under the same name; what is merely away stays where it is."""
    async with watching(tmp_path, Then.MOVE) as (watch, recorder):
        for _ in range(2):
            (tmp_path / "holiday.wav").write_bytes(b"RIFF")
            await watch.look()
            lie_still()
            await watch.look()
        refused = sorted(path.name for path in (tmp_path / "refused").iterdir())
        assert refused == ["holiday.2.wav", "holiday.2.wav.reason.txt", "holiday.wav", "holiday.wav.reason.txt"]
        assert "pattern" in (tmp_path / "refused" / "holiday.wav.reason.txt").read_text()
        path = tmp_path / "in" / f"{FREEPBX}.wav"
        path.parent.mkdir()
        path.write_bytes(b"RIFF")
        await watch.look()
        lie_still()
        recorder.error = Unreachable("away")
        with pytest.raises(Unreachable):
            await watch.look()
        assert path.exists()
        recorder.error = None
        assert await watch.look() == 1
        assert (tmp_path / "done" / "in" / path.name).read_bytes() == b"RIFF"
        assert not path.exists()


async def test_an_import_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Refusals do not stop it, an outage does; the next run does the rest, and refused ones again."""
    for number in range(10):
        (tmp_path / f"out-7900-{number}-20260102-060405-17673230{number}5.1.wav").write_bytes(bytes([number]))
    naming = Naming.parsed("freepbx", None)
    receiver = Recorder(error=Unreachable("away"))
    report = tmp_path.with_suffix(".csv")
    with open_ledger(report) as ledger:
        with pytest.raises(Unreachable):
            await Import(receiver, ledger, first_pause_sec=0.001)(items_of(tmp_path, naming))
        receiver.error = Refused("odd", "not today")
        counts = await Import(receiver, ledger)(items_of(tmp_path, naming))
        assert counts[Outcome.REFUSED] == 10
        receiver.error = None
        began = time.monotonic()
        counts = await Import(receiver, ledger, rate=100)(items_of(tmp_path, naming))
        assert time.monotonic() - began > 0.08
        assert counts == {Outcome.ACCEPTED: 10}
        assert await Import(receiver, ledger)(items_of(tmp_path, naming)) == {}
    assert len(receiver.taken) == 10
