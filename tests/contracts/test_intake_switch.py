"""What every intake switch must do."""

import pytest

from calls_adapters.memory import MemoryIntakeSwitch
from calls_adapters.sql import SqlIntakeSwitch
from calls_core.ports import IntakeState, IntakeSwitch
from tests.contracts.worlds import World

pytestmark = pytest.mark.anyio


async def test_accepts_unless_told_otherwise(world: World) -> None:
    """A new service takes calls."""
    assert await world.intake.state() == IntakeState(accepting=True)


async def test_keeps_the_last_state(world: World) -> None:
    """Setting is repeatable and replaces reason and all."""
    for state in (
        IntakeState(accepting=False, reason="обслуживание"),
        IntakeState(accepting=False),
        IntakeState(accepting=True),
    ):
        await world.intake.set(state)
        await world.intake.set(state)

        assert await world.intake.state() == state


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(IntakeSwitch.__subclasses__()) == {MemoryIntakeSwitch, SqlIntakeSwitch}
