"""How many calls have a common piece in their caller or receiver: counted ahead, in PostgreSQL.

Counting thousands of calls means visiting each, because PostgreSQL's indexes do not know which rows are still there.
So the pieces that many calls have are counted before anybody asks. A trigger writes every key that comes or goes to
``key_changes``, in the transaction of the call; the sweep adds what is written there to ``common_pieces``. What is true
at any moment is therefore the one plus the other, and both are read in one statement, which has one snapshot.

Whoever changes ``common_pieces`` holds a lock; a survey of some of the keys tells which pieces are common enough. If it
misses one, that one is counted when it is asked for.
"""

import random
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from anyio import to_thread
from sqlalchemy import Text, bindparam, exists, func, select, text

from calls_adapters.sql.database import Database
from calls_adapters.sql.frequent import frequent_pieces
from calls_adapters.sql.standing import Standing
from calls_adapters.sql.tables.search import common_pieces, key_changes
from calls_core.search import MIN_QUERY

COMMON: Final = 2000
"""From how many calls on it is quicker to walk to a page than to look up all of them, in a database of a million."""

_SHARE: Final = 0.002
_DOUBT: Final = 0.6
"""What is so much rarer in the sample is counted, too: of what three thousand in a million have, nothing is missed."""

_SAMPLE: Final = 20_000
_MOST: Final = 10_000
_LONGEST: Final = 32
_FOLDED: Final = 1000
_SURVEY_EVERY: Final = timedelta(hours=1)
_LOCK: Final = 0x70696563

_TAKE_LOCK: Final = select(func.pg_try_advisory_xact_lock(_LOCK))

_WAITING: Final = 10_000
"""More changes than that take longer to read than counting does."""

_piece: Final = bindparam("piece", type_=Text)
_latest: Final = select(key_changes.c.search_key, key_changes.c.change).limit(_WAITING + 1).subquery("latest")
_noted: Final = select(
    func.count().label("changes"),
    func.coalesce(func.sum(_latest.c.change).filter(func.strpos(_latest.c.search_key, _piece) > 0), 0).label("calls"),
).subquery("noted")
_KNOWN: Final = Standing(
    select(
        (common_pieces.c.calls + _noted.c.calls).label("calls"),
        (_noted.c.changes <= _WAITING).label("is_true"),
        exists(select(common_pieces.c.piece).correlate(None)).label("has_begun"),
    ).select_from(_noted.outerjoin(common_pieces, common_pieces.c.piece == _piece))
)

_FOLD: Final = text("""
WITH folded AS (
    DELETE FROM key_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM key_changes LIMIT :most))
    RETURNING search_key, change
), keys AS (
    SELECT search_key, sum(change) AS change FROM folded GROUP BY search_key HAVING sum(change) <> 0
), pieces AS (
    SELECT piece, sum(change) AS change
    FROM keys CROSS JOIN LATERAL (
        SELECT DISTINCT substr(search_key, start, size) AS piece
        FROM generate_series(1, length(search_key)) AS start,
             generate_series(CAST(:shortest AS integer), :longest) AS size
        WHERE start + size <= length(search_key) + 1
    ) AS parts JOIN common_pieces USING (piece)
    GROUP BY piece
), counted AS (
    UPDATE common_pieces SET calls = calls + pieces.change FROM pieces WHERE common_pieces.piece = pieces.piece
)
SELECT count(*) FROM folded
""")

_COUNT: Final = text("""
INSERT INTO common_pieces (piece, calls)
SELECT :piece,
       (SELECT count(*) FROM call_keys WHERE search_key LIKE :pattern)
     - (SELECT coalesce(sum(change), 0) FROM key_changes WHERE strpos(search_key, :piece) > 0)
ON CONFLICT DO NOTHING
""")

_FORGET: Final = text("DELETE FROM common_pieces WHERE calls < :rare")
_ALL: Final = text("SELECT piece FROM common_pieces")
_CALLS: Final = text("SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'call_keys'::regclass")
_SOME_KEYS: Final = text("SELECT search_key FROM call_keys TABLESAMPLE SYSTEM (:percent)")


class Known(NamedTuple):
    """*calls* is set for a common piece. One that *is_rare* would have been counted, were it common: most likely."""

    calls: int | None
    is_rare: bool


class CommonPieces:
    """Counts of the pieces that at least *common* calls have, and one in 500 of all."""

    def __init__(self, database: Database, common: int = COMMON) -> None:
        self._database = database
        self._common = common
        self._uncounted: list[str] = []
        self._next_survey: float | None = None

    async def known(self, piece: str) -> Known:
        """Return what is known of how many calls have the piece, at this moment."""
        [row] = await self._database.rows(_KNOWN, {"piece": piece})
        if not row["is_true"]:
            return Known(calls=None, is_rare=False)
        if row["calls"] is not None and row["calls"] >= self._common:
            return Known(calls=int(row["calls"]), is_rare=False)
        return Known(calls=None, is_rare=row["has_begun"] and len(piece) <= _LONGEST)

    async def count_ahead(self) -> bool:
        """Take in some changes, or count one piece; return whether there is more to do."""
        async with self._database.write() as connection:
            if not await connection.scalar(_TAKE_LOCK):
                return False
            sizes = {"shortest": MIN_QUERY, "longest": _LONGEST}
            if await connection.scalar(_FOLD, {"most": _FOLDED, **sizes}) == _FOLDED:
                return True
            await connection.execute(_FORGET, {"rare": self._common // 2})
            if self._uncounted:
                piece = self._uncounted[-1]
                await connection.execute(_COUNT, {"piece": piece, "pattern": pattern(piece)})
        if self._uncounted:
            self._uncounted.pop()
            return True
        if self._next_survey is None or self._next_survey <= time.monotonic():
            self._uncounted = await self._surveyed()
            self._next_survey = time.monotonic() + _SURVEY_EVERY.total_seconds() * random.uniform(0.8, 1.2)  # noqa: S311
        return bool(self._uncounted)

    async def _surveyed(self) -> list[str]:
        """Return the pieces that are worth counting and are not counted yet; the most common ones come last."""
        async with self._database.one() as connection:
            calls = await connection.scalar(_CALLS) or 0
            if calls < self._common:
                return []
            percent = min(100.0, 100 * _SAMPLE / calls)
            keys: Sequence[str] = (await connection.scalars(_SOME_KEYS, {"percent": percent})).all()
            counted = set(await connection.scalars(_ALL))
        share = max(_SHARE, self._common / calls)
        at_least = max(2, round(len(keys) * share * _DOUBT))
        found = await to_thread.run_sync(frequent_pieces, keys, at_least, _LONGEST)
        common = sorted(found, key=found.__getitem__)[-_MOST:]
        return [piece for piece in common if piece not in counted]


def pattern(piece: str) -> str:
    """Return the pattern of LIKE for whatever has the piece."""
    escaped = piece.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
