"""``calls users``."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from calls_app.cli.configured import actor, configured
from calls_core.accounts import Role, User, checked_username
from calls_core.errors import UserNotFound
from calls_core.use_cases.manage_accounts import ManageUsers

T = TypeVar("T")

users = typer.Typer(help="Add, list and change who may sign in.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user name.")]


@users.command("add")
def add(name: Name, role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.VIEWER) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    password = _password()
    user = _run(lambda manage: manage.add(name, password, role, actor()))
    typer.echo(f"{user.username} may sign in as {user.role}")


@users.command("list")
def list_() -> None:
    """List users with their roles."""
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("user name", overflow="fold"), "role", "may sign in", "since")
    for user in _run(lambda manage: manage.all()):
        table.add_row(user.username, user.role, "yes" if user.enabled else "no", f"{user.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


@users.command("disable")
def disable(
    name: Name, *, undo: Annotated[bool, typer.Option("--undo", help="Let the user in again.")] = False
) -> None:
    """Keep a user out, at once; what the user did stays."""

    async def change(manage: ManageUsers) -> User:
        return await manage.change((await _named(manage, name)).id, actor(), enabled=undo)

    user = _run(change)
    typer.echo(f"{user.username} {'may sign in again' if undo else 'is out'}")


@users.command("passwd")
def passwd(name: Name) -> None:
    """Give a user a new password, asked for or read from standard input; all sessions of the user end."""
    password = _password()

    async def change(manage: ManageUsers) -> User:
        return await manage.change((await _named(manage, name)).id, actor(), password=password)

    typer.echo(f"{_run(change).username} has a new password")


async def _named(manage: ManageUsers, name: str) -> User:
    wanted = checked_username(name)
    for user in await manage.all():
        if user.username == wanted:
            return user
    raise UserNotFound(f"there is no user {name}; calls users list shows who is there")


def _run(work: Callable[[ManageUsers], Awaitable[T]]) -> T:
    from calls_app.container import make_container
    from calls_app.startup import prepare

    async def with_users() -> T:
        settings = configured(LOG_LEVEL="WARNING")
        container = make_container(settings)
        try:
            await prepare(container, settings)
            return await work(await container.get(ManageUsers))
        finally:
            await container.close()

    return asyncio.run(with_users())


def _password() -> str:
    """Ask twice at a terminal; never take it from an argument, which everybody on the machine can read."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise typer.BadParameter("the two passwords differ")
    return password
