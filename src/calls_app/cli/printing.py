"""How commands print what they have found."""

from collections.abc import Sequence

import msgspec
import typer


def print_json(items: Sequence[msgspec.Struct]) -> None:
    for item in items:
        typer.echo(msgspec.json.encode(item).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Plain and whole: ids and addresses are there to be copied, and lines to be searched."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
