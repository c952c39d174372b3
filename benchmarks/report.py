"""Makes tables and a plot of what the benchmarks wrote: ``python -m benchmarks.report``.

Reads the JSON files in ``benchmarks/results`` and writes ``report.md`` and ``performance.svg`` beside them. ``--docs``
puts both into the documentation: the tables between the two marks in ``docs/explanation/performance.md``.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

RESULTS: Final = Path("benchmarks/results")
DOCS: Final = Path("docs/explanation/performance.md")
PLOT: Final = "performance.svg"
BEGIN: Final = "<!-- begin: made by python -m benchmarks.report --docs -->"
END: Final = "<!-- end -->"
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One figure beside the peer's; *target* bounds *ratio*, from below if *more* is better."""

    what: str
    ours: float
    peer: float | None
    unit: str
    target: float | None = None
    more: bool = False
    bound: float | None = None
    """What *ours* itself may be, at most."""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> str:
        if self.bound is not None:
            return "yes" if self.ours <= self.bound else "no"
        if self.target is None or self.ratio is None:
            return ""
        return "yes" if (self.ratio >= self.target if self.more else self.ratio <= self.target) else "no"

    @property
    def wanted(self) -> str:
        if self.bound is not None:
            return f"<= {self.bound:g} {self.unit}"
        return "" if self.target is None else f"{'>=' if self.more else '<='} {self.target:g} x"


def of_startup(figures: Figures) -> Iterator[Row]:
    calls, alone, peer = (figures["servers"][name] for name in ("calls", "calls, API only", "peer"))
    yield Row("start to first answer", alone["seconds"], peer["seconds"], "s", bound=1.5)
    yield Row("the same, processor time", alone["cpu_seconds"], peer["cpu_seconds"], "s")
    yield Row("imports, processor time", calls["import_cpu_seconds"], peer["import_cpu_seconds"], "s")
    yield Row("memory at rest", calls["memory_mb"], peer["memory_mb"], "MB", bound=120)


def of_api(figures: Figures) -> Iterator[Row]:
    for name, case in figures["cases"].items():
        calls, peer = case["calls"], case["peer"]
        yield Row(f"{name}: server CPU", calls["cpu_ms"], peer["cpu_ms"], "ms", case["target"])
        if name.startswith("GET /calls?"):
            both = [side["cpu_ms"] + side["postgres_ms"] for side in (calls, peer)]
            yield Row(f"{name}: CPU with PostgreSQL", both[0], both[1], "ms")
        yield Row(f"{name}: p50, one client", calls["p50_ms"], peer["p50_ms"], "ms")


def of_wake_ups(figures: Figures) -> Iterator[Row]:
    calls, celery = figures["calls"], figures["celery"]
    yield Row("wake-ups of one worker process", calls["per_second"], celery["per_second"], "per s", 2, more=True)
    yield Row("wake-up: CPU of the worker", calls["cpu_ms"], celery["cpu_ms"], "ms")
    yield Row("wake-up of an idle worker: p50", calls["p50_ms"], celery["p50_ms"], "ms")


def of_upload(figures: Figures) -> Iterator[Row]:
    for size, cases in figures.items():
        if not size.endswith("MiB"):
            continue
        peer, pipe = cases["peer"], cases["pipe"]
        for name, least in (("calls, form", 0.7), ("calls, PUT", 0.8)):
            ours = cases[name]
            what = f"{size}, {name.partition(', ')[2]}"
            yield Row(what, ours["mb_per_sec"], peer["mb_per_sec"], "MB/s", 2, more=True)
            yield Row(f"{what}: server CPU", ours["cpu_sec_per_gb"], peer["cpu_sec_per_gb"], "s/GB", 0.5)
            yield Row(f"{what}, beside the pipe", ours["mb_per_sec"], pipe["mb_per_sec"], "MB/s", least, more=True)
    stall = figures["stall"]
    longest = [stall[name]["longest_ms"] for name in ("calls, form", "peer")]
    yield Row("longest wait of a GET while 8 upload", longest[0], longest[1], "ms", bound=60)
    memory = [stall[name]["memory_mb"] for name in ("calls, form", "peer")]
    yield Row("memory more while 8 upload", memory[0], memory[1], "MB", bound=32)


def of_audio(figures: Figures) -> Iterator[Row]:
    for case in figures["cases"]:
        methods = {name: row["cpu_sec_per_hour"] for name, row in case["methods"].items()}
        ours = round(methods["ours"], 3)
        yield Row(f"{case['case']}, beside the decoder", ours, methods["decoder"], "s/h", case["target"])
        for peer, target in (("silencedetect", None), ("auditok", None), ("pydub-10", None), ("pydub-1", 0.01)):
            if peer in methods:
                wanted = target if case["case"] == "wav8k.wav" else None
                yield Row(f"{case['case']}, beside {peer}", ours, methods[peer], "s/h", wanted)


def of_search(figures: Figures) -> Iterator[Row]:
    for name, bound in (("postgres", 10), ("sqlite", 30)):
        if name not in figures:
            continue
        for query, row in figures[name]["search"].items():
            if "query" in row:
                limit = bound if query[0] != "2" or "common" in query else None
                yield Row(f"{name}: {query}", row["p50_ms"], row["peer_p50_ms"], "ms", bound=limit)
        paging = figures[name]["search"]
        cursor, offset = paging["middle, cursor"]["p50_ms"], paging["middle, offset"]["p50_ms"]
        yield Row(f"{name}: page in the middle, cursor beside offset", cursor, offset, "ms")


def of_growth(figures: Figures) -> Iterator[Row]:
    for row in figures["growth"]:
        what = f"10 x {row['axis']}: {row['what']}"
        yield Row(what, row["large"], row["small"], row["unit"], figures["times"])


REPORTED: Final[Mapping[str, tuple[str, str, Callable[[Figures], Iterator[Row]] | None]]] = {
    "api": ("The API", "FastAPI, pydantic, ORM", of_api),
    "upload": ("Uploads", "UploadFile", of_upload),
    "wake_ups": ("The queue", "Celery", of_wake_ups),
    "startup": ("Start and rest", "FastAPI, ORM", of_startup),
    "audio": ("Analysis", "other", of_audio),
    "search": ("Search", "ORM, ILIKE", of_search),
    "growth": ("Ten times as much", "a tenth", of_growth),
    "fleet": ("A fleet of workers", "", None),
}


def read(folder: Path) -> dict[str, Figures]:
    return {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in REPORTED
        if (folder / f"{name}.json").exists()
    }


def rows_of(name: str, figures: Figures) -> list[Row]:
    make = REPORTED[name][2]
    return list(make(figures)) if make else []


def tables(results: Mapping[str, Figures]) -> str:
    parts = []
    for name, figures in results.items():
        title, peer, _ = REPORTED[name]
        if not (rows := rows_of(name, figures)):
            continue
        about = [f"Python {figures['python']}", f"{figures['cores']} cores", f"load {figures['load']} at the end"]
        about += [f"{figures['rows']:,} calls"] if "rows" in figures else []
        lines = [f"### {title}", "", f"`python -m benchmarks.{name}`, {figures['at']}: {', '.join(about)}.", ""]
        lines += [f"| | Calls | {peer} | ratio | target | met |", "|---|---|---|---|---|---|"]
        for row in rows:
            theirs = "" if row.peer is None else f"{row.peer:,.4g}"
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            lines.append(f"| {row.what} | {row.ours:,.4g} {row.unit} | {theirs} | {ratio} | {row.wanted} | {row.met} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def advantage(row: Row) -> float:
    """Return how many times better than the peer we are."""
    assert row.ratio, row
    return row.ratio if row.more else 1 / row.ratio


def draw(results: Mapping[str, Figures], path: Path) -> None:
    """Draw how many times better than its peer each figure is, on a logarithmic scale."""
    mpl.rcParams |= {
        "svg.hashsalt": "calls",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
    }  # small, and the same
    groups = [(REPORTED[name][0], rows_of(name, figures)) for name, figures in results.items() if name != "growth"]
    bars: list[tuple[str, float, int]] = []
    for number, (_, rows) in enumerate(groups):
        bars += [(row.what, advantage(row), number) for row in rows if row.ratio]
    figure, axes = plt.subplots(figsize=(9, 0.8 + 0.2 * len(bars)), layout="constrained")
    for place, (_, value, number) in enumerate(bars):
        axes.barh(place, value - 1, left=1, color=f"C{number}", height=0.7)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars], fontsize=7)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlabel("times better than the peer (left of 1: worse)")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


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
    (options.folder / "report.md").write_text(tables(results))
    draw(results, options.folder / PLOT)
    if options.docs:
        put_into(DOCS, tables(results))
        draw(results, DOCS.with_name(PLOT))
    print(f"{options.folder}/report.md, {options.folder}/{PLOT}")


if __name__ == "__main__":
    main()
