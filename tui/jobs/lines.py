"""What a job is in one line of a list, and in the line below it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.facts.text import plain
from engine.facts.words import count
from engine.launch.jobs import Job
from engine.tables.units import show_age, show_size
from tui.look import Look
from tui.table.summary_lines import place
from tui.widgets.painted import fit

Piece = tuple[str, str]
"""A text and the name of its style; empty for that of the line."""

BAR = 10
"""Cells of a progress bar."""


@dataclass(frozen=True)
class Column:
    """A column of the list.

    `least` is its width, `spare` how soon it goes where there is little room: the highest first.
    """

    title: str
    least: int
    spare: int = 0
    right: bool = False


COLUMNS = (
    Column("state", 10),
    Column("job", 20),
    Column("kind", 6, spare=2),
    Column("progress", 8, spare=1, right=True),
    Column("", BAR, spare=5),
    Column("process", 10, spare=6),
    Column("memory", 8, spare=4, right=True),
    Column("cpu", 6, spare=3, right=True),
    Column("started", 7, right=True),
)
GAP = 2


def columns_for(width: int, jobs: Sequence[Job]) -> list[tuple[Column, int]]:
    """The columns that there is room for, and their widths; the name takes what is left."""
    chosen = list(COLUMNS)
    while len(chosen) > 3 and _needed(chosen) > width:
        chosen.remove(max(chosen, key=lambda one: one.spare))
    rest, widths = max(0, width - _needed(chosen)), []
    for one in chosen:
        texts = {"job": [plain(job.name) for job in jobs], "process": [*map(_process, jobs)]}
        longest = max(map(cell_len, texts.get(one.title, [])), default=0)
        grown = min(rest, max(0, longest - one.least))
        widths.append((one, one.least + grown))
        rest -= grown
    return widths


def _needed(columns: Sequence[Column]) -> int:
    return sum(one.least for one in columns) + GAP * (len(columns) - 1) + 2


def titles(columns: Sequence[tuple[Column, int]]) -> str:
    """The line of titles."""
    cells = [fit(one.title, width, right=one.right) for one, width in columns]
    return " " + (" " * GAP).join(cells)


def line_of(job: Job, columns: Sequence[tuple[Column, int]], look: Look, now: float) -> list[Piece]:
    """One job."""
    pieces: list[Piece] = [(" ", "")]
    for n, (column, width) in enumerate(columns):
        pieces += [(" " * GAP, "")] if n else []
        pieces += _cell(job, column, width, look, now)
    return pieces


def _cell(job: Job, column: Column, width: int, look: Look, now: float) -> list[Piece]:
    if column.title == "state":
        name = job.state.state or "unknown"
        return [(fit(f"{look.state(job.state.state)} {name}", width, more=look.more), name)]
    if not column.title:
        return _bar(job, look)
    text = {
        "job": plain(job.name),
        "kind": job.handle.kind or "",
        "progress": _progress(job),
        "process": _process(job),
        "memory": show_size(job.usage.memory_bytes) if job.usage else "",
        "cpu": _cpu(job),
        "started": show_age(max(0.0, now - job.submitted)) if job.submitted else "",
    }[column.title]
    style = "" if column.title in ("job", "progress") else "muted"
    return [(fit(text, width, right=column.right, more=look.more), style)]


def _process(job: Job) -> str:
    host, pid = plain(job.handle.host or ""), job.handle.pid
    return f"{host.partition('.')[0]}:{pid}" if pid is not None else host


def _cpu(job: Job) -> str:
    return (
        f"{job.usage.cpu_percent:.0f} %" if job.usage and job.usage.cpu_percent is not None else ""
    )


def progress_of(job: Job) -> tuple[int, int | None]:
    """How much is done, in epochs of a run or runs of a sweep, and of how many."""
    if job.handle.kind == "sweep":
        return job.counts.get("finished", 0), job.handle.points
    run = job.runs[0] if job.runs else None
    return (run.epochs_done, run.epochs) if run else (0, None)


def _progress(job: Job) -> str:
    done, of = progress_of(job)
    return f"{done}/{of}" if of else str(done or "")


def _bar(job: Job, look: Look) -> list[Piece]:
    done, of = progress_of(job)
    if not of:
        return [(" " * BAR, "")]
    full = round(min(1.0, done / of) * BAR)
    return [(look.full * full, "value"), (look.empty * (BAR - full), "muted")]


def told(job: Job) -> str:
    """All about a job in a sentence."""
    states = {state: n for state, n in job.counts.items() if n}
    runs = ", ".join(f"{n} {state}" for state, n in states.items())
    parts = [
        job.problem or job.state.sentence,
        f"runs: {runs}" if job.handle.kind == "sweep" and runs else "",
        f"{count(job.handle.at_once, 'run')} at once" if (job.handle.at_once or 1) > 1 else "",
        f"from {job.handle.parent}" if job.handle.parent else "",
    ]
    return plain("; ".join(filter(None, parts)))


def head(root: str, jobs: Sequence[Job], shown: Sequence[Job]) -> str:
    """The line above the list."""
    under_way = sum(job.under_way for job in jobs)
    older = len(jobs) - len(shown)
    parts = [place(root).plain.strip(), count(len(shown), "job") or "0 jobs"]
    parts += [f"{under_way} under way"] if under_way else []
    parts += [f"{older} older: a shows them"] if older else []
    return "  ".join(parts)
