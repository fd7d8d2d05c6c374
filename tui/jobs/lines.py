"""What a job is in one line of a list, and in the line below it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from engine.facts.text import plain
from engine.facts.words import count
from engine.launch.jobs import Job
from engine.tables.units import show_age, show_size
from tui.look import Look
from tui.queue_words import is_stale, job_where, memory, remedy
from tui.table.row_cells import cut
from tui.table.summary_lines import place
from tui.widgets.painted import fit

if TYPE_CHECKING:
    from tui.queue_feed import Standing

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
    is_short: bool = False
    """Whether names in it are without their year, as one of them has no room."""


COLUMNS = (
    Column("state", 10),
    Column("job", 20),
    Column("kind", 6, spare=6),
    Column("progress", 8, spare=1, right=True),
    Column("", BAR, spare=5),
    Column("where", 16, spare=2),
    Column("memory", 8, spare=4, right=True),
    Column("cpu", 6, spare=3, right=True),
    Column("started", 7, right=True),
)
GAP = 2
_OF_USE = ("memory", "cpu")
"""Columns that are left out where no job has anything in them."""

_STAMP = re.compile(r"(run|exp)_[0-9]{4}([0-9]{4}-[0-9]{6})_(.+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class JobScene:
    """What a line depends on beside its job."""

    look: Look
    now: float
    """Unix seconds."""
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """How jobs stand on HTCondor, by the paths of their runs."""


def columns_for(width: int, jobs: Sequence[Job], scene: JobScene) -> list[tuple[Column, int]]:
    """The columns that there is room for, and their widths; the name takes what is left."""
    shown = {
        "job": [plain(job.name) for job in jobs],
        "progress": [_progress(job) for job in jobs],
        "where": [_where(job, scene) for job in jobs],
        "memory": [_memory(job, scene) for job in jobs],
        "cpu": [_cpu(job) for job in jobs],
    }
    longest = {title: max(map(cell_len, texts), default=0) for title, texts in shown.items()}
    chosen = [one for one in COLUMNS if longest.get(one.title) != 0 or one.title not in _OF_USE]
    # A total without its end would be another one.
    chosen = [_whole(one, longest["progress"]) for one in chosen]
    while len(chosen) > 3 and _needed(chosen) > width:
        chosen.remove(max(chosen, key=lambda one: one.spare))
    rest, widths = max(0, width - _needed(chosen)), []
    for one in chosen:
        wanted = longest[one.title] if one.title in ("job", "where") else 0
        grown = min(rest, max(0, wanted - one.least))
        is_short = one.title == "job" and wanted > one.least + grown
        widths.append((replace(one, is_short=is_short), one.least + grown))
        rest -= grown
    return widths


def _whole(column: Column, width: int) -> Column:
    return replace(column, least=max(column.least, width)) if column.title == "progress" else column


def _needed(columns: Sequence[Column]) -> int:
    return sum(one.least for one in columns) + GAP * (len(columns) - 1) + 2


def titles(columns: Sequence[tuple[Column, int]]) -> str:
    """The line of titles."""
    cells = [fit(one.title, width, right=one.right) for one, width in columns]
    return " " + (" " * GAP).join(cells)


def line_of(job: Job, columns: Sequence[tuple[Column, int]], scene: JobScene) -> list[Piece]:
    """One job."""
    pieces: list[Piece] = [(" ", "")]
    for n, (column, width) in enumerate(columns):
        pieces += [(" " * GAP, "")] if n else []
        pieces += _cell(job, column, width, scene)
    return pieces


def _cell(job: Job, column: Column, width: int, scene: JobScene) -> list[Piece]:
    look = scene.look
    if column.title == "state":
        name = job.state.state or "unknown"
        style = "muted" if is_stale(job, scene.standings) else name
        return [(fit(f"{look.state(job.state.state)} {name}", width, more=look.more), style)]
    if not column.title:
        return _bar(job, look)
    text = {
        "job": short_name(plain(job.name), width, look, column.is_short),
        "kind": job.handle.kind or "",
        "progress": _progress(job),
        "where": _where(job, scene),
        "memory": _memory(job, scene),
        "cpu": _cpu(job),
        "started": show_age(max(0.0, scene.now - job.submitted)) if job.submitted else "",
    }[column.title]
    style = "" if column.title in ("job", "progress") else "muted"
    return [(fit(text, width, right=column.right, more=look.more), style)]


def short_name(name: str, width: int, look: Look, is_short: bool = False) -> str:
    """A name in so few cells that it can be told from others: without the year, or its middle.

    Without the year, too, where those beside it are.
    """
    stamp = _STAMP.fullmatch(name)
    if (is_short or cell_len(name) > width) and stamp:
        before = "" if stamp[1] == "run" else "exp "
        name = f"{before}{stamp[2]} {stamp[3]}"
    return cut(name, width, look)


def _where(job: Job, scene: JobScene) -> str:
    return job_where(job, scene.standings, scene.now)


def _memory(job: Job, scene: JobScene) -> str:
    if job.usage:
        return show_size(job.usage.memory_bytes)
    return memory(job, scene.standings)


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
    sentence = job.problem or job.state.sentence
    counts = [f"{n} {state}" for state, n in job.counts.items() if n]
    is_told = all(one in sentence or one.endswith(" finished") for one in counts)
    runs = "" if is_told else ", ".join(counts)
    parts = [
        sentence,
        f"runs: {runs}" if job.handle.kind == "sweep" and runs else "",
        f"{count(job.handle.at_once, 'run')} at once" if (job.handle.at_once or 1) > 1 else "",
        f"from {job.handle.parent}" if job.handle.parent else "",
        remedy(job),
    ]
    logged = where_printed(job)
    parts += [f"below the log of {logged.name}"] if logged != job.handle.directory else []
    return plain("; ".join(filter(None, parts)))


def where_printed(job: Job) -> Path:
    """Directory of the log to be shown of it: of a sweep of jobs the first run's under way."""
    places = job.printed_in
    running = [
        place for run, place in zip(job.runs, places, strict=False) if run.state == "running"
    ]
    return [*running, places[-1]][0]


def head(root: str, jobs: Sequence[Job], shown: Sequence[Job], urgent: str = "") -> str:
    """The line above the list; what is urgent stands in the place of the root."""
    under_way = sum(job.under_way for job in jobs)
    older = len(jobs) - len(shown)
    parts = [urgent or place(root).plain.strip(), count(len(shown), "job") or "0 jobs"]
    parts += [f"{under_way} under way"] if under_way else []
    parts += [f"{older} older: a shows them"] if older else []
    return "  ".join(parts)
