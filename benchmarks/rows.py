"""What the benchmarks wrote, as tables: each figure beside the peer's, and beside its target."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Figures = Mapping[str, Any]
DATABASES: Final = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


@dataclass(frozen=True)
class Row:
    """One figure beside the peer's.

    The target is one of: *ratio* to the peer, at most, or at least if *more* is better; *bound*, what *ours* may be at
    most; *least*, what it must be.
    """

    what: str
    ours: float
    peer: float | None
    unit: str
    target: float | None = None
    more: bool = False
    bound: float | None = None
    least: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        if self.bound is not None:
            return self.ours <= self.bound
        if self.least is not None:
            return self.ours >= self.least
        if self.target is None or self.ratio is None:
            return None
        return self.ratio >= self.target if self.more else self.ratio <= self.target

    @property
    def wanted(self) -> str:
        if self.bound is not None:
            return f"<= {self.bound:g} {self.unit}".rstrip()
        if self.least is not None:
            return f">= {self.least:g} {self.unit}"
        return "" if self.target is None else f"{'>=' if self.more else '<='} {self.target:g} x"


@dataclass(frozen=True)
class Table:
    title: str
    peer: str
    rows: Sequence[Row]
    about: Sequence[str] = ()
    drawn: bool = True
    """False where the peer is Calls itself, or an ideal."""


def of_startup(figures: Figures) -> Iterator[Table]:
    calls, alone, peer = (figures["servers"][name] for name in ("calls", "calls, API only", "peer"))
    rows = (
        Row("start to first answer", alone["seconds"], peer["seconds"], "s", bound=1.5),
        Row("the same, processor time", alone["cpu_seconds"], peer["cpu_seconds"], "s"),
        Row("imports, processor time", calls["import_cpu_seconds"], peer["import_cpu_seconds"], "s"),
        Row("memory at rest", calls["memory_mb"], peer["memory_mb"], "MB", bound=120),
    )
    yield Table("Start and rest", "FastAPI, ORM", rows)


def of_api(figures: Figures) -> Iterator[Table]:
    for size in figures["sizes"]:
        rows = []
        for name, case in size["cases"].items():
            calls, peer = case["calls"], case["peer"]
            rows.append(Row(f"{name}: server CPU", calls["cpu_ms"], peer["cpu_ms"], "ms", case["target"]))
            ours, theirs = (side["cpu_ms"] + side["postgres_ms"] for side in (calls, peer))
            rows.append(Row(f"{name}: CPU with PostgreSQL", ours, theirs, "ms"))
            rows.append(Row(f"{name}: p50, one client", calls["p50_ms"], peer["p50_ms"], "ms"))
        rows.append(Row("server's peak memory", size["memory"]["calls"], size["memory"]["peer"], "MB"))
        yield Table(f"The API, {size['rows']:,} calls", "FastAPI, pydantic, ORM", rows)


def of_upload(figures: Figures) -> Iterator[Table]:
    rows = []
    for size, cases in figures.items():
        if not size.endswith("MiB"):
            continue
        peer, pipe, disk = (cases[name] for name in ("peer", "pipe", "disk"))
        for name, of_pipe in (("calls, form", 0.7), ("calls, PUT", 0.8)):
            times, share, limit = (2, 0.5, of_pipe) if size == "1024 MiB" else (None, None, None)
            ours = cases[name]
            what = f"{size}, {name.partition(', ')[2]}"
            rows += [
                Row(what, ours["mb_per_sec"], peer["mb_per_sec"], "MB/s", times, more=True),
                Row(f"{what}: server CPU", ours["cpu_sec_per_gb"], peer["cpu_sec_per_gb"], "s/GB", share),
                Row(f"{what}, beside the pipe", ours["mb_per_sec"], pipe["mb_per_sec"], "MB/s", limit, more=True),
                Row(f"{what}, beside the disk", ours["mb_per_sec"], disk["mb_per_sec"], "MB/s", more=True),
                Row(f"{what}: memory more meanwhile", ours["memory_mb"], peer["memory_mb"], "MB", bound=32),
            ]
    for name in ("calls, form", "calls, PUT"):
        ours, peer = figures["stall"][name], figures["stall"]["peer"]
        how = f"8 at once, {name.partition(', ')[2]}"
        rows.append(Row(f"{how}: longest wait of a GET", ours["longest_ms"], peer["longest_ms"], "ms", bound=60))
        rows.append(Row(f"{how}: memory more meanwhile", ours["memory_mb"], peer["memory_mb"], "MB", bound=32))
    yield Table("Uploads", "UploadFile, or what is named", rows)


def of_wake_ups(figures: Figures) -> Iterator[Table]:
    calls, celery = figures["calls"], figures["celery"]
    rows = (
        Row("wake-ups of one worker process", calls["per_second"], celery["per_second"], "per s", 2, more=True),
        Row("wake-up: CPU of the worker", calls["cpu_ms"], celery["cpu_ms"], "ms"),
        Row("wake-up of an idle worker: p50", calls["p50_ms"], celery["p50_ms"], "ms"),
        Row("memory of the worker", calls["memory_mb"], celery["memory_mb"], "MB"),
    )
    yield Table("The queue: wake-ups", "Celery", rows)


def of_jobs(figures: Figures) -> Iterator[Table]:
    rows = []
    for key, row in figures["queues"].items():
        name = DATABASES[key]
        done = row["claimed_and_finished_per_second"]
        rows.append(Row(f"{name}: jobs claimed and finished", done, None, "per s", least=row["target"]))
        rows.append(Row(f"{name}: CPU of a job, ours", row["cpu_ms"], None, "ms"))
        if row["database_cpu_ms"]:
            rows.append(Row(f"{name}: CPU of a job, PostgreSQL's", row["database_cpu_ms"], None, "ms"))
    rows.append(Row("peak memory", figures["peak_mb"], None, "MB"))
    yield Table("The queue: jobs", "", rows, [f"{figures['workers']} at once in one process"])


def of_fleet(figures: Figures) -> Iterator[Table]:
    rows = []
    for drain in figures["drains"]:
        what = f"{drain['processes']} x {drain['concurrency']}, {drain['analyzer']}"
        ideal = drain["per_second"] / drain["of_ideal"] if drain["of_ideal"] else None
        rows.append(Row(what, drain["per_second"], ideal, "per s", more=True))
        rows.append(Row(f"{what}: CPU of a recording, worker's", drain["worker_cpu_ms"], None, "ms"))
        rows.append(Row(f"{what}: CPU of a recording, PostgreSQL's", drain["postgres_cpu_ms"], None, "ms"))
    rows.append(Row("memory of a worker", max(drain["worker_mb"] for drain in figures["drains"]), None, "MB"))
    yield Table(
        "A fleet of workers: processes x slots", "the ideal", rows, [f"waiting {figures['wait_sec']} s"], drawn=False
    )


def of_audio(figures: Figures) -> Iterator[Table]:
    rows = []
    others = (("decoder", None), ("silencedetect", None), ("auditok", None), ("pydub-10", None), ("pydub-1", 0.01))
    for case in figures["cases"]:
        name, methods = case["case"], case["methods"]
        ours = methods["ours"]
        # Of a short one it may be less than a start takes, now and then.
        spent = max(round(ours["cpu_sec_per_hour"], 3), 0.0)
        for peer, least in others:
            if peer in methods:
                wanted = case["target"] if peer == "decoder" else least if name == "wav8k.wav" else None
                beside = "the decoder" if peer == "decoder" else peer
                rows.append(
                    Row(f"{name}, beside {beside}", spent, max(methods[peer]["cpu_sec_per_hour"], 0.0), "s/h", wanted)
                )
        peak = methods.get("silencedetect", methods["decoder"])["peak_mb"]
        rows.append(Row(f"{name}: peak memory", round(ours["peak_mb"]), round(peak), "MB", bound=110))
    yield Table("Analysis, by hour of audio", "what is named", rows)
    if figures["peak_mb"]:
        yield Table("Analysis, peak memory by length", "the shortest", [*of_lengths(figures["peak_mb"])], drawn=False)


def of_lengths(peaks: Figures) -> Iterator[Row]:
    """Yield what the longest takes beside the shortest: for Opus, and for what takes most."""
    most = max(peaks, key=lambda name: max(peaks[name].values()))
    for name in dict.fromkeys([*(name for name in peaks if "opus" in name), most]):
        (shortest, least), *others = peaks[name].items()
        for minutes, mb in others:
            what = f"{name}: {minutes} minutes beside {shortest}"
            yield Row(what, round(mb), round(least), "MB", bound=110)


def of_whisper(figures: Figures) -> Iterator[Table]:
    methods, targets = figures["methods"], figures["targets"]
    ours, bare, long = methods["calls"], methods["bare"], methods.get("calls, long")
    best = min(row["word_error_rate"] for name, row in methods.items() if name not in {"calls", "calls, long"})
    ratio, errors = targets["cpu_ratio"], best + targets["word_error_rate_more"]
    spoken, at_most = "words where it is silent", targets["words_in_silence"]
    rows = [
        Row("processor time of an hour", ours["cpu_sec_per_hour"], bare["cpu_sec_per_hour"], "s", ratio),
        Row("real-time factor", ours["real_time_factor"], bare["real_time_factor"], "", ratio),
        Row("word error rate", ours["word_error_rate"], bare["word_error_rate"], ""),
        Row("word error rate, beside the best way to call it", ours["word_error_rate"], best, "", bound=errors),
        Row(spoken, ours["words_in_silence"], bare["words_in_silence"], "", bound=at_most),
        Row("peak memory", ours["peak_mb"], bare["peak_mb"], "MB", bound=targets["peak_mb"]),
    ]
    if long:
        what = f"a call of {figures['long_minutes'] / 60:g} h"
        rows.append(Row(f"{what}: peak memory", long["peak_mb"], None, "MB", bound=targets["peak_mb"]))
        rows.append(Row(f"{what}: {spoken}", long["words_in_silence"], None, "", bound=at_most))
    about = [f"model {figures['model']}", f"a call of {figures['minutes']:g} minutes"]
    yield Table("Local transcription", "faster-whisper alone", rows, about)


def of_search(figures: Figures) -> Iterator[Table]:
    rows = []
    for key, bound in (("postgres", 10), ("sqlite", 30)):
        if key not in figures:
            continue
        name, found = DATABASES[key], figures[key]
        for query, row in found["search"].items():
            limit = bound if query[0] != "2" or "common" in query else None
            rows.append(
                Row(f"{name}: {query[0]} characters{query[1:]}", row["p50_ms"], row["peer_p50_ms"], "ms", bound=limit)
            )
        rows.append(Row(f"{name}: CPU of a question", found["cpu_ms"], found["peer_cpu_ms"], "ms"))
        deep = found["paging"]["middle, cursor"]
        what = f"{name}: page at {deep['offset']:,}, keyset beside OFFSET"
        rows.append(Row(what, deep["p50_ms"], deep["peer_p50_ms"], "ms", 1))
        rows.append(Row(f"{name}: peak memory, both", found["peak_mb"], None, "MB"))
    yield Table("Search", "ORM, ILIKE", rows, [f"{figures['rows']:,} calls", "p50"])


def of_transcripts(figures: Figures) -> Iterator[Table]:
    rows = []
    for key, name in DATABASES.items():
        if key not in figures:
            continue
        found = figures[key]
        for query, row in found["search"].items():
            rows.append(Row(f"{name}: {query}", row["with_highlights_p50_ms"], None, "ms"))
        rows.append(Row(f"{name}: CPU of a question", found["cpu_ms"], None, "ms"))
        rows.append(Row(f"{name}: peak memory", found["peak_mb"], None, "MB"))
    about = [f"{figures['calls']:,} calls of 200 words", "p50 of page, total and highlights"]
    yield Table("Search in transcripts", "", rows, about)


def of_growth(figures: Figures) -> Iterator[Table]:
    rows = []
    for row in figures["growth"]:
        what = f"10 x {row['axis']}: {row['what']}"
        rows.append(Row(what, row["large"], row["small"], row["unit"], figures["times"]))
    for rows_of_calls, mb in figures["peak_mb"].items():
        rows.append(Row(f"peak memory of the server of {int(rows_of_calls):,} calls", mb, None, "MB"))
    yield Table("Ten times as much", "a tenth", rows, drawn=False)


REPORTED: Final[Mapping[str, Callable[[Figures], Iterator[Table]]]] = {
    "api": of_api,
    "search": of_search,
    "transcripts": of_transcripts,
    "upload": of_upload,
    "wake_ups": of_wake_ups,
    "jobs": of_jobs,
    "fleet": of_fleet,
    "startup": of_startup,
    "audio": of_audio,
    "whisper": of_whisper,
    "growth": of_growth,
}
"""By the program's name."""
