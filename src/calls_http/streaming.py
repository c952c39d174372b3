"""Answers that are sent piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send


class StreamedResponse(ASGIResponse):
    """Sends what *pieces* lends, and stops when the client hangs up.

    The context is entered before the first byte is sent, so that what it raises still becomes a problem. With a
    *content_length*, fewer bytes than that are an error, which closes the connection in the middle.
    """

    _should_set_content_length = False

    def __init__(
        self,
        pieces: AbstractAsyncContextManager[AsyncIterator[bytes]],
        *,
        media_type: str,
        headers: dict[str, str],
        status_code: int = 200,
        content_length: int | None = None,
    ) -> None:
        if content_length is not None:
            headers = {**headers, "Content-Length": str(content_length)}
        super().__init__(media_type=media_type, headers=headers, status_code=status_code)
        self._pieces = pieces
        self._expected = content_length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        async with self._pieces as pieces:
            await self.start_response(send)
            sent = 0
            gone = asyncio.create_task(_hung_up(receive))
            try:
                async for piece in pieces:
                    if gone.done():
                        return
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    sent += len(piece)
            finally:
                gone.cancel()
            if self._expected is not None and sent != self._expected:
                raise EOFError(f"the storage gave {sent} bytes instead of {self._expected}")
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
