"""Use Calls from a script: no server, no HTTP. Run it with the path of a recording."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from calls_app.library import open_calls
from calls_core.search import CallFilter


async def main(path: Path, folder: Path) -> None:
    async with open_calls(folder) as calls:
        call = await calls.register(
            caller="+7 900 123-45-67", receiver="101", started_at=datetime.now(UTC), agent="maria", tags=["example"]
        )
        await calls.attach(call.id, path)
        call = await calls.wait(call.id, seconds=60)
        recording = await calls.recording(call.id)
        print(f"{path.name}: {call.status}, {recording.duration_sec} s")
        for mark in recording.silence_marks:
            where = "all channels" if mark.channel is None else f"channel {mark.channel}"
            print(f"  silent from {mark.start_sec} to {mark.end_sec} s ({where})")
        print("calls from this number:")
        async for found in calls.export(CallFilter.checked(query="900 123")):
            print(f"  {found.id} {found.details.started_at:%Y-%m-%d} {found.status}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "calls-data")))
