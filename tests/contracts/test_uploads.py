"""What every keeper of resumable uploads must do."""

from dataclasses import replace
from typing import Any

import pytest

from calls_core.call import CallDetails, Direction
from calls_core.errors import UploadConflict, UploadExpired, UploadNotFound
from calls_core.ports import Upload, UploadId, UploadPart
from calls_core.recording import CallId
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio


async def started(world: World, **changes: Any) -> Upload:
    known = {"id": UploadId(world.new_id()), "owner": "me", "filename": "ё.wav", "length": 10}
    upload = Upload(**(known | {"expires_at": world.clock.now + MINUTE} | changes))
    await world.uploads.add(upload)
    return upload


async def part(world: World, upload: Upload, key: str, size: int = 3) -> Upload:
    await world.holds.hold(key, MINUTE)
    return await world.uploads.add_part(upload, UploadPart(key, size))


async def test_an_upload_comes_back_as_it_was(world: World) -> None:
    """With the fields of its call, and with its parts in order; for its owner only."""
    details = CallDetails.checked(
        caller="1",
        receiver="2",
        started_at=world.clock.now,
        direction=Direction.INBOUND,
        external_id="x",
        tags=["a", "Ё"],
        metadata={"queue": {"n": [1, None]}},
    )
    upload = await started(world, details=details)
    assert await world.uploads.get("me", upload.id) == upload
    longer = await part(world, upload, "one")
    longer = await part(world, longer, "two", 4)
    assert longer.offset == 7
    assert await world.uploads.get("me", upload.id) == longer
    for owner, upload_id in (("you", upload.id), ("me", UploadId(world.new_id()))):
        with pytest.raises(UploadNotFound):
            await world.uploads.get(owner, upload_id)


async def test_who_began_last_goes_on(world: World) -> None:
    """The one before adds nothing, however late it comes; and nobody begins where the upload does not stand."""
    upload = await started(world)
    first = await world.uploads.begin(upload, upload.expires_at)
    second = await world.uploads.begin(upload, upload.expires_at)
    with pytest.raises(UploadConflict):
        await part(world, first, "late")
    await part(world, second, "kept")
    with pytest.raises(UploadConflict):
        await world.uploads.begin(upload, upload.expires_at)
    assert (await world.uploads.get("me", upload.id)).parts == (UploadPart("kept", 3),)
    world.clock.advance(MINUTE)
    assert await world.holds.expired(10, MINUTE) == ["late"]


async def test_a_part_needs_its_hold(world: World) -> None:
    """Without it the sweep has cleared the bytes away, so they do not count."""
    upload = await started(world)
    with pytest.raises(UploadExpired):
        await world.uploads.add_part(upload, UploadPart("gone", 3))
    assert (await world.uploads.get("me", upload.id)).offset == 0


async def test_the_recording_finishes_the_upload(world: World) -> None:
    """In one transaction: the parts are the sweep's, and nobody finishes it again."""
    for is_new in (True, False):
        call = world.new_call() if is_new else await world.added()
        upload = await part(world, await started(world), f"first {is_new}")
        upload = replace(upload, parts=(*upload.parts, UploadPart(f"last {is_new}", 7)))
        await world.holds.hold(f"last {is_new}", MINUTE)
        acceptance = replace(await world.acceptance(call), upload=upload)
        accept: Any = world.calls.ingest if is_new else world.calls.attach
        await accept(acceptance)
        found = await world.uploads.get("me", upload.id)
        assert (found.finished, found.offset, found.call_id, found.parts) == (True, 10, call.id, ())
        assert set(await world.holds.doomed(10)) >= {f"first {is_new}", f"last {is_new}"}
        with pytest.raises(UploadConflict):
            await world.uploads.begin(found, upload.expires_at)
        await world.calls.erase(call.id, world.event(call.id))
        with pytest.raises(UploadNotFound):
            await world.uploads.get("me", upload.id)


async def test_an_erased_call_ends_its_uploads(world: World) -> None:
    """Their parts are the sweep's; uploads for others go on."""
    call = await world.added()
    upload = await part(world, await started(world, call_id=call.id, details=None), "mine")
    other = await started(world)
    assert {one.id for one in await world.uploads.unfinished()} == {upload.id, other.id}
    await world.calls.erase(call.id, world.event(call.id))
    assert await world.holds.doomed(10) == ["mine"]
    assert [one.id for one in await world.uploads.unfinished()] == [other.id]


async def test_an_upload_that_somebody_else_continues_accepts_nothing(world: World) -> None:
    """Neither recording nor call is stored."""
    upload = await started(world)
    await world.uploads.begin(upload, upload.expires_at)
    stale = replace(upload, token=1)
    acceptance = replace(await world.acceptance(world.new_call()), upload=stale)
    with pytest.raises(UploadConflict):
        await world.calls.ingest(acceptance)
    with pytest.raises(UploadConflict):
        await world.uploads.close(stale, acceptance.call.id)
    assert await world.events() == []


async def test_an_upload_ends(world: World) -> None:
    """When it is removed or its time is up; its parts are then the sweep's."""
    removed = await part(world, await started(world), "a")
    await world.uploads.remove(removed)
    with pytest.raises(UploadNotFound):
        await world.uploads.get("me", removed.id)
    late = await part(world, await started(world), "b")
    await world.uploads.close(done := await started(world, expires_at=world.clock.now + MINUTE * 2), CallId(done.id))
    world.clock.advance(MINUTE)
    with pytest.raises(UploadExpired):
        await world.uploads.get("me", late.id)
    assert [upload.id for upload in await world.uploads.expired(10)] == [late.id]
    for upload in await world.uploads.expired(10):
        await world.uploads.remove(upload)
    assert await world.uploads.expired(10) == []
    assert set(await world.holds.doomed(10)) == {"a", "b"}
