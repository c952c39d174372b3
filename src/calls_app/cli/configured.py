"""What every command begins with."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from calls_app.settings import Settings, load_settings, plugin_variables, read_environment


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
