"""Whether the process lives, and whether the parts behind it answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec

from calls_core.errors import CallsError
from calls_http.access import ASKS_NOBODY, OPEN
from calls_http.documentation import operation, problems
from calls_http.queries import refuse_unknown_parameters

PATIENCE_SEC: Final = 5.0

_log = logging.getLogger("calls.http")

Check = Callable[[], Awaitable[str]]
"""Returns a sentence about what works; raises an error that says what to do otherwise."""


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """Checks by the name of their part. Without the *needed* ones the service cannot do its work; the *optional* ones
    are only told about."""

    needed: Mapping[str, Check]
    optional: Mapping[str, Check] = field(default_factory=dict)


class Part(msgspec.Struct, kw_only=True):
    status: Literal["up", "down"]
    needed: bool
    detail: str


class Health(msgspec.Struct, kw_only=True):
    status: Literal["ready", "unready"]
    parts: dict[str, Part]


class Alive(msgspec.Struct, kw_only=True):
    status: Literal["alive"] = "alive"


@get(
    "/live",
    opt=OPEN,
    security=ASKS_NOBODY,
    operation_class=operation(),
    responses=problems(is_open=True),
    summary="Is the process alive?",
)
async def get_live() -> Alive:
    """Asks nobody else: restart the process when this does not answer."""
    return Alive()


@get(
    "/ready",
    opt=OPEN,
    security=ASKS_NOBODY,
    operation_class=operation(),
    responses=problems(is_open=True)
    | {503: ResponseSpec(Health, generate_examples=False, description="A part that is needed is down.")},
    summary="Can the service do its work?",
)
async def get_ready(checks: NamedDependency[HealthChecks]) -> Response[Health]:
    """Send no requests here while this says 503."""
    named = {**checks.needed, **checks.optional}
    answers = await asyncio.gather(*(_ask(name, check) for name, check in named.items()))
    parts = {
        name: Part(status="up" if works else "down", needed=name in checks.needed, detail=detail)
        for name, (works, detail) in zip(named, answers, strict=True)
    }
    ready = all(part.status == "up" for part in parts.values() if part.needed)
    return Response(Health(status="ready" if ready else "unready", parts=parts), status_code=200 if ready else 503)


async def _ask(name: str, check: Check) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(PATIENCE_SEC):
            return True, await check()
    except TimeoutError:
        return False, f"no answer within {PATIENCE_SEC:g} seconds"
    except CallsError as error:
        return False, str(error)
    except Exception:  # noqa: BLE001 (whatever a check raises, its part is down)
        _log.exception("the check of %s failed", name)
        return False, "the check failed; the log tells why"


def health_router(checks: Callable[[], Awaitable[HealthChecks]]) -> Router:
    return Router(
        "/health",
        route_handlers=[get_live, get_ready],
        dependencies={"checks": Provide(checks)},
        before_request=refuse_unknown_parameters,
        tags=["operations"],
    )
