"""What every write of a worker asks first: is the job still ours?"""

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.tables import jobs
from calls_core.errors import LeaseLost
from calls_core.job import Claim


def held(claim: Claim) -> ColumnElement[bool]:
    """Return the condition that the job is still held by *claim*."""
    return (jobs.c.id == claim.job.id) & (jobs.c.token == claim.token) & (jobs.c.state == literal_column("'running'"))


async def lock(connection: AsyncConnection, claim: Claim) -> None:
    """Keep everybody else from claiming the job until the transaction ends."""
    found = await connection.execute(select(jobs.c.id).where(held(claim)).with_for_update())
    require_held(claim, len(found.all()))


def require_held(claim: Claim, rows: int) -> None:
    if rows == 0:
        msg = f"job {claim.job.id} is not held by {claim.worker} any more"
        raise LeaseLost(msg)
