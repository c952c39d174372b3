"""Makes tables and a plot of what the benchmarks wrote: ``python -m benchmarks.report``.

Reads the JSON files in ``benchmarks/results`` and writes ``report.md``, ``report.json`` and ``performance.svg`` beside
them. ``--docs`` puts tables and plot into the documentation: between the two marks in
``docs/explanation/performance.md``.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.rows import REPORTED, Figures, Row, Table

RESULTS: Final = Path("benchmarks/results")
DOCS: Final = Path("docs/explanation/performance.md")
PLOT: Final = "performance.svg"
BEGIN: Final = "<!-- begin: made by python -m benchmarks.report --docs -->"
END: Final = "<!-- end -->"
BAR_INCHES: Final = 0.22
LEAST: Final = 0.2
"""Where the scale begins, at least."""

MET: Final = "#2a6f97"
MISSED: Final = "#c8553d"


def read(folder: Path) -> dict[str, Figures]:
    return {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in REPORTED
        if (folder / f"{name}.json").exists()
    }


def tables_of(results: Mapping[str, Figures]) -> Iterator[tuple[str, Figures, Table]]:
    for name, figures in results.items():
        for table in REPORTED[name](figures):
            yield name, figures, table


def as_markdown(results: Mapping[str, Figures]) -> str:
    parts = []
    for name, figures, table in tables_of(results):
        about = [f"Python {figures['python']}", f"{figures['cores']} cores", f"load {figures['load']}", *table.about]
        lines = [f"### {table.title}", "", f"`python -m benchmarks.{name}`, {figures['at']}: {', '.join(about)}.", ""]
        lines += [*in_columns(table)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def in_columns(table: Table) -> Iterator[str]:
    beside = any(row.peer is not None for row in table.rows)
    judged = any(row.wanted for row in table.rows)
    columns = ["", "Calls", *([table.peer, "ratio"] if beside else []), *(["target", "met"] if judged else [])]
    yield f"| {' | '.join(columns)} |".replace("|  |", "| |")
    yield "|---" * len(columns) + "|"
    for row in table.rows:
        cells = [row.what, f"{row.ours:,.4g} {row.unit}".rstrip()]
        if beside:
            cells += [
                "" if row.peer is None else f"{row.peer:,.4g}",
                "" if row.ratio is None else ratio_text(row.ratio),
            ]
        if judged:
            cells += [row.wanted, {True: "yes", False: "no", None: ""}[row.met]]
        yield f"| {' | '.join(cells)} |"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def as_data(results: Mapping[str, Figures]) -> list[dict[str, Any]]:
    return [
        {
            "program": name,
            "title": table.title,
            "peer": table.peer,
            "rows": [asdict(row) | {"ratio": row.ratio, "wanted": row.wanted, "met": row.met} for row in table.rows],
        }
        for name, _, table in tables_of(results)
    ]


def advantage(row: Row) -> float | None:
    """Return how many times better than the peer we are; None if there is no telling."""
    if row.ratio is None or row.ratio <= 0:
        return None
    return row.ratio if row.more else 1 / row.ratio


def wanted_advantage(row: Row) -> float | None:
    """Return how many times better than the peer we were to be."""
    if row.bound is not None and row.peer:
        return row.peer / row.bound if row.bound else None
    if row.target is None:
        return None
    return row.target if row.more else 1 / row.target


def draw(results: Mapping[str, Figures], path: Path) -> None:
    """Draw what has a peer and a target: how many times better than its peer, on a logarithmic scale."""
    mpl.rcParams |= {
        "svg.hashsalt": "calls",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
    }  # small, and the same
    groups = [
        (f"{table.title}, beside {table.peer}", drawn)
        for _, _, table in tables_of(results)
        if table.drawn
        and (drawn := [row for row in table.rows if advantage(row) and wanted_advantage(row) is not None])
    ]
    if not groups:
        return
    heights = [len(rows) + 1.6 for _, rows in groups]
    figure, parts = plt.subplots(
        len(groups),
        figsize=(10, BAR_INCHES * sum(heights) + 0.6),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
        layout="constrained",
        facecolor="white",  # the page may be dark
    )
    for axes, (title, rows) in zip(parts[:, 0], groups, strict=True):
        draw_group(axes, title, rows)
    marks = [
        mark
        for _, rows in groups
        for row in rows
        for mark in (advantage(row), wanted_advantage(row))
        if mark is not None
    ]
    parts[-1, 0].set_xlim(max(LEAST, min(*marks, 0.5) * 0.9), max(marks) * 1.8)
    parts[-1, 0].set_xlabel(
        "times better than the peer (left of 1: worse); black mark: target; red: missed", fontsize=8
    )
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def draw_group(axes: Axes, title: str, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        value, target = advantage(row), wanted_advantage(row)
        assert value is not None
        assert target is not None
        axes.barh(place, value - 1, left=1, color=MET if row.met else MISSED, height=0.66)
        axes.plot([target, target], [place - 0.42, place + 0.42], color="black", linewidth=1.6)
        text = f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
        axes.annotate(
            text, (max(value, target, 1), place), (5, 0), textcoords="offset points", va="center", fontsize=7, zorder=3,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )  # fmt: skip
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold", pad=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.what for row in rows], fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def put_into(page: Path, text: str) -> None:
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the figures are")
    parser.add_argument("--docs", action="store_true", help="put them into the documentation")
    options = parser.parse_args(arguments)
    results = read(options.folder)
    (options.folder / "report.md").write_text(as_markdown(results))
    (options.folder / "report.json").write_text(json.dumps(as_data(results), indent=1) + "\n")
    draw(results, options.folder / PLOT)
    if options.docs:
        put_into(DOCS, as_markdown(results))
        draw(results, DOCS.with_name(PLOT))
    print(f"{options.folder}/report.md, {options.folder}/report.json, {options.folder}/{PLOT}")


if __name__ == "__main__":
    main()
