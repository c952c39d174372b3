"""What every command begins with."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from calls_app.environment import load_settings, plugin_variables, read_environment
from calls_app.settings import Settings
from calls_core.audit import Action, Actor


def configured(**defaults: str) -> Settings:
    """Return the settings of this process, with logging set up accordingly. *defaults* count where nothing is set."""
    from calls_app.logs import configure_logging

    settings = load_settings(defaults | read_environment(os.environ))
    for name, value in plugin_variables().items():
        os.environ.setdefault(name, value)
    configure_logging(settings)
    return settings


@asynccontextmanager
async def opened() -> AsyncIterator[Any]:  # an AsyncContainer, whose import the quick commands need not wait for
    """Lend the wired application, without a server or a worker, to a command that looks into it."""
    from calls_app.container import make_container
    from calls_app.startup import prepare

    settings = configured(LOG_LEVEL="WARNING")
    container = make_container(settings)
    try:
        await prepare(container, settings)
        yield container
    finally:
        await container.close()


def actor() -> Actor:
    """Return who types the command, as the audit trail names them."""
    return Actor(id="cli", name=os.environ.get("USER", ""))


async def recorded(container: Any, action: Action, **told: object) -> None:  # noqa: ANN401 (as above)
    """Tell the audit trail what the command has done, as the gate does of requests."""
    from calls_core.use_cases.keep_audit import KeepAudit

    await (await container.get(KeepAudit))(action, actor(), details={name: str(value) for name, value in told.items()})
