"""What every keeper of holds must do."""

import pytest

from calls_adapters.memory import MemoryHolds
from calls_adapters.sql import SqlHolds
from calls_core.errors import UploadExpired
from calls_core.ports import Holds
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio


async def test_a_hold_ends_when_its_time_is_up(world: World) -> None:
    """Not before, and the oldest come first."""
    await world.holds.hold("later", MINUTE * 2)
    await world.holds.hold("sooner", MINUTE)
    world.clock.advance(MINUTE - MINUTE / 1000)
    assert await world.holds.expired(10, MINUTE) == []

    world.clock.advance(MINUTE * 2)

    assert await world.holds.expired(1, MINUTE) == ["sooner"]
    assert await world.holds.expired(10, MINUTE) == ["later"]


async def test_a_renewed_hold_lasts(world: World) -> None:
    """As long as nobody saw it expired, even a late renewal counts."""
    await world.holds.hold("key", MINUTE)
    world.clock.advance(MINUTE * 2)
    await world.holds.renew("key", MINUTE)
    assert await world.holds.expired(10, MINUTE) == []

    await world.holds.hold("key", MINUTE * 5)
    world.clock.advance(MINUTE * 4)

    assert await world.holds.expired(10, MINUTE) == []


async def test_a_hold_that_was_seen_expired_stays_so(world: World) -> None:
    """The sweep may be deleting the bytes: nobody can renew it, and it is reported again later, until it is dropped."""
    await world.holds.hold("key", MINUTE)
    world.clock.advance(MINUTE)
    assert await world.holds.expired(10, MINUTE * 4) == ["key"]

    with pytest.raises(UploadExpired):
        await world.holds.renew("key", MINUTE)
    await world.holds.hold("key", MINUTE * 9)

    assert (await world.holds.expired(10, MINUTE), await world.holds.doomed(10)) == ([], [])
    world.clock.advance(MINUTE * 4)
    assert (await world.holds.expired(10, MINUTE), await world.holds.doomed(10)) == ([], ["key"])
    assert await world.holds.doomed(10) == ["key"]
    await world.holds.drop("key")
    assert await world.holds.doomed(10) == []


async def test_a_dropped_hold_is_forgotten(world: World) -> None:
    """Dropping one that is not there is fine too."""
    await world.holds.hold("key", MINUTE)
    await world.holds.drop("key")
    await world.holds.drop("key")
    world.clock.advance(MINUTE)

    assert await world.holds.expired(10, MINUTE) == []
    with pytest.raises(UploadExpired):
        await world.holds.renew("key", MINUTE)


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(Holds.__subclasses__()) == {MemoryHolds, SqlHolds}
