"""What the pages of an Ogg file say of the time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calls_adapters.audio import ogg
from tests.audio_files import encode, speech
from tests.unit.audio.conftest import Measure

pytestmark = pytest.mark.anyio

SILENCES = [(1.0, 2.5), (6.0, 9.0)]
POLYNOMIAL = 0x04C11DB7
GRANULE, NUMBER, CHECKSUM = slice(6, 14), slice(18, 22), slice(22, 26)
Page = bytearray


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("ogg") / "a.ogg"
    return encode(path, speech(10, [SILENCES], rate=48000), codec="libopus", rate=48000).read_bytes()


def pages(content: bytes) -> Iterator[Page]:
    while content:
        length = ogg.page_length(content)
        yield Page(content[:length])
        content = content[length:]


def put(page: Page, field: slice, value: int) -> None:
    page[field] = value.to_bytes(field.stop - field.start, "little")


def slow_by_three(page: Page, _: int) -> None:
    """Count at 16 kHz what is to be counted at 48."""
    put(page, GRANULE, int.from_bytes(page[GRANULE], "little") // 3)


def stopped(page: Page, number: int) -> None:
    if number > 4:
        put(page, GRANULE, 0)


def skipping(page: Page, number: int) -> None:
    put(page, NUMBER, number + (number > 4))


def changed(content: bytes, change: Callable[[Page, int], None]) -> bytes:
    """Let *change* have each page, and mend its checksum."""
    result = b""
    for number, page in enumerate(pages(content)):
        change(page, number)
        put(page, CHECKSUM, 0)
        checksum = 0
        for byte in page:
            checksum ^= byte << 24
            for _ in range(8):
                checksum = (checksum << 1 & 0xFFFFFFFF) ^ (POLYNOMIAL if checksum >> 31 else 0)
        put(page, CHECKSUM, checksum)
        result += page
    return result


def tells_time(path: Path) -> bool:
    with path.open("rb") as file:
        return all(ogg.tells_time(file, *link) for link in ogg.links(file, 0, path.stat().st_size))


async def test_pages_that_last_what_they_say(recording: bytes, tmp_path: Path, measure: Measure) -> None:
    """Where the times are known to be right, they need no look at each frame: the result is that with a look."""
    (tmp_path / "a.ogg").write_bytes(changed(recording, lambda _page, _number: None))
    (tmp_path / "b.ogg").write_bytes(changed(recording, skipping))

    assert (tmp_path / "a.ogg").read_bytes() == recording
    assert tells_time(tmp_path / "a.ogg")
    assert not tells_time(tmp_path / "b.ogg")
    assert await measure(tmp_path / "a.ogg") == await measure(tmp_path / "b.ogg")


async def test_joined_and_damaged_inside(recording: bytes, tmp_path: Path) -> None:
    """Each of several recordings in a row is looked at; what is broken within a page leaves its time as it is."""
    (tmp_path / "a.ogg").write_bytes(recording * 2)
    half = len(recording) // 2
    (tmp_path / "b.ogg").write_bytes(recording[:half] + b"\x55" * 9 + recording[half + 9 :])

    assert tells_time(tmp_path / "a.ogg")
    assert tells_time(tmp_path / "b.ogg")


@pytest.mark.parametrize("change", [slow_by_three, stopped])
async def test_a_recorder_that_cannot_count(
    change: Callable[[Page, int], None], recording: bytes, tmp_path: Path, measure: Measure
) -> None:
    """Pages whose times run slower than their samples, or stand still, are heard to the end all the same."""
    (tmp_path / "a.ogg").write_bytes(changed(recording, change))

    signal = await measure(tmp_path / "a.ogg")

    assert not tells_time(tmp_path / "a.ogg")
    assert signal.duration_sec == pytest.approx(10, abs=0.3)
    assert [mark.end_sec for mark in signal.silence_marks] == pytest.approx([2.5, 9.0], abs=0.3)


@pytest.mark.parametrize("cut", [slice(-1), slice(100, None), slice(20), slice(0)])
def test_what_is_no_row_of_pages(cut: slice, recording: bytes, tmp_path: Path) -> None:
    """A file that is cut at either end tells no time."""
    (tmp_path / "a.ogg").write_bytes(recording[cut])

    assert not tells_time(tmp_path / "a.ogg")


def test_other_codecs(tmp_path: Path) -> None:
    """Only of Opus is it known what a packet lasts."""
    encode(tmp_path / "a.ogg", speech(2, [[]], rate=48000), codec="flac", rate=48000, container="ogg")

    assert not tells_time(tmp_path / "a.ogg")
