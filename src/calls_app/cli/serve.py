"""``calls serve``, ``calls worker`` and ``calls migrate``."""

import asyncio
import logging
import signal
from typing import Annotated, Any

import typer

from calls_app.cli.configured import configured
from calls_app.collecting import uncollected
from calls_app.settings import Settings, SettingsError

_log = logging.getLogger("calls.worker")

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    *,
    worker: Annotated[
        bool | None, typer.Option("--worker/--no-worker", help="Process recordings in this process too.")
    ] = None,
    insecure: Annotated[bool, typer.Option(help="Listen beyond this machine although there are no accounts.")] = False,
) -> None:
    """Serve the API; on the embedded default, process recordings in the same process."""
    with uncollected():
        import uvloop

        from calls_app.server import require_safe_address

    settings = configured()
    require_safe_address(host, accounts=settings.auth_enabled, insecure=insecure)
    with_worker = settings.is_embedded if worker is None else worker
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if not runner.run(_serve(settings, host, port, with_worker=with_worker, fronted=insecure)):
            raise typer.Exit(1)


async def _serve(settings: Settings, host: str, port: int, *, with_worker: bool, fronted: bool) -> bool:
    with uncollected():
        from calls_app.container import make_container
        from calls_app.metrics_server import metrics_served_as_set
        from calls_app.server import make_app, make_server
        from calls_app.startup import prepare

        container = make_container(settings)
        try:
            await prepare(container, settings)
            if settings.auth_enabled:
                await _show_first_admin(container)
        except BaseException:  # from here on the lifespan of the server closes it
            await container.close()
            raise
        server = make_server(make_app(container, settings, with_worker=with_worker, fronted=fronted), host, port)
    # uvicorn raises the signal once more when it has stopped in order: to end as we were asked to is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    async with metrics_served_as_set(container, settings):
        await server.serve()
    return server.started


async def _show_first_admin(container: Any) -> None:  # noqa: ANN401 (an AsyncContainer, slow to import)
    from calls_app.account_wiring import FIRST_ADMIN, first_admin
    from calls_core.use_cases.manage_accounts import ManageUsers

    password = await first_admin(await container.get(ManageUsers))
    if password is not None:
        typer.echo(
            f"Accounts are on and there were no users, so there is an admin now. Sign in once as\n"
            f"  user name  {FIRST_ADMIN}\n"
            f"  password   {password}\n"
            f"and choose a password of your own (or: calls users passwd {FIRST_ADMIN}). It is shown this once.",
            err=True,
        )


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=256, help="Recordings at a time; by default WORKER_CONCURRENCY.")
    ] = None,
) -> None:
    """Process recordings until told to stop (SIGTERM ends the running ones or hands them back)."""
    asyncio.run(_work(concurrency))


async def _work(concurrency: int | None) -> None:
    with uncollected():
        from calls_app.at_work import at_work
        from calls_app.container import make_container
        from calls_app.metrics_server import metrics_served_as_set
        from calls_app.startup import prepare
        from calls_app.worker import Worker

    settings = configured()
    container = make_container(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await prepare(container, settings)
        crew = await container.get(Worker)
        if concurrency is not None:
            crew.concurrency = concurrency
        async with metrics_served_as_set(container, settings), at_work(container):
            _log.info("worker %s processes %d recordings at a time", crew.name, crew.concurrency)
            await stop.wait()
    finally:
        await container.close()


def migrate() -> None:
    """Bring the database to the tables of this release."""
    from calls_adapters.sql.migrate import migrate as to_head

    settings = configured()
    try:
        asyncio.run(to_head(settings.database_url))
    except ValueError as error:
        raise SettingsError(str(error)) from None
    typer.echo("the database is up to date")
