"""A form in pieces of every size: what the parser is spared must not change what comes out."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_http.problems import MalformedBody
from calls_http.uploads import UploadForm

pytestmark = pytest.mark.anyio

HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
FRAGMENTS = st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", b"b", b"x" * 30, b"\r\n--a", bytes(9)])


class Sent:
    """A request whose body comes in these pieces."""

    content_type = ("multipart/form-data", {"boundary": "b"})

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def received(*pieces: bytes) -> tuple[bytes, dict[str, list[str]]]:
    async with UploadForm(cast("Any", Sent(*pieces)), ["tag"]) as form:
        assert await form.open() == "a.wav"
        return b"".join([piece async for piece in form.chunks()]), form.fields


@given(st.lists(FRAGMENTS, max_size=40), st.lists(st.integers(1, 60), min_size=1, max_size=8))
async def test_the_file_is_the_same_in_whatever_pieces_it_comes(fragments: list[bytes], sizes: list[int]) -> None:
    """Line ends and halves of boundaries anywhere, and cuts anywhere: every byte comes, and the field after it."""
    audio = b"".join(fragments).replace(b"--b", b"--c")
    body = HEAD + audio + b'\r\n--b\r\nContent-Disposition: form-data; name="tag"\r\n\r\nx\r\n--b--'
    pieces, start = [], 0
    while start < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[start : start + size])
        start += size
    assert await received(*pieces) == (audio, {"tag": ["x"]})


async def test_a_file_that_only_flows_is_cut_off_all_the_same() -> None:
    """Where the parser saw no more than the beginning, the missing boundary is missed."""
    with pytest.raises(MalformedBody, match="cut off"):
        await received(HEAD, *[bytes(100)] * 5)
