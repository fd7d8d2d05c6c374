"""What `engine submit` shows while it lasts: how far a submission is, and how the jobs are."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from engine.cli.output import remark

if TYPE_CHECKING:
    from engine.facts.job_report import JobReport
    from engine.launch.condor import Condor
    from engine.launch.condor_sending import Progress
    from engine.launch.job import JobHandle

POLL_S = 0.5
LARGE = 50
"""Runs from which on the submission of a sweep is worth a bar."""


@contextlib.contextmanager
def progress_bar(runs: int | None) -> Iterator[Progress | None]:
    """A bar on a terminal for a large sweep, as what is told how far its submission is."""
    if (runs or 0) < LARGE or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("submitting"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=runs)

        def show(done: int, of: int) -> None:
            bars.update(bar, completed=(runs or 0) * done / of)

        yield show


def wait(job: JobHandle, condor: Condor) -> int:
    """Return when a run, or all runs of a sweep, are over: 0 if each of them has finished."""
    try:
        return _wait_for_sweep(job, condor) if job.kind == "sweep" else _wait_for_run(job, condor)
    except KeyboardInterrupt:
        what = "jobs go" if job.kind == "sweep" else "job goes"
        show = "engine jobs" if job.kind == "sweep" else f"engine follow {job.name}"
        remark(f"the {what} on; {show} shows what becomes of it")
        raise


def _wait_for_run(job: JobHandle, condor: Condor) -> int:
    from engine.facts.job_report import OVER
    from engine.facts.state import UNDER_WAY
    from engine.launch.condor_watch import Watch
    from engine.library.index import summarise

    watch = Watch(job, condor)
    last: list[JobReport | None] = [None]

    def look() -> str:
        last[0] = watch.look()
        return _words(last[0])

    _until(look, lambda: last[0] is not None and last[0].state in OVER)
    summary = summarise(str(job.directory))
    while summary.state in UNDER_WAY:  # its last words may be on their way
        time.sleep(POLL_S)
        summary = summarise(str(job.directory))
    remark(summary.sentence or summary.problem or "")
    return 0 if summary.state == "finished" else 1


def _wait_for_sweep(sweep: JobHandle, condor: Condor) -> int:
    from engine.facts.sweep_dir import SweepDir
    from engine.launch.condor_wait import SweepWatch
    from engine.launch.job import JobHandle
    from engine.launch.jobs import sweep_state
    from engine.launch.sweep_runs import read_runs, runs_folder
    from engine.library.index import summarise

    folder = runs_folder(sweep.directory)
    runs = [
        JobHandle(folder / run.name / "launch.json", run.id)
        for run in read_runs(SweepDir(sweep.directory))
    ]
    watch = SweepWatch(sweep, runs, condor)
    _until(lambda: _counted(watch.look()), lambda: watch.is_over)
    summaries = [summarise(str(run.directory)) for run in runs]
    remark(sweep_state(sweep, summaries).sentence)
    return 0 if all(one.state == "finished" for one in summaries) else 1


def _until(look: Callable[[], str], is_over: Callable[[], bool]) -> None:
    """Look again and again, and tell what has changed."""
    from engine.launch.condor import CouldNotAsk

    last = ""
    while True:
        try:
            text = look()
        except CouldNotAsk as error:
            text = error.message
        if text != last:
            remark(text)
            last = text
        if is_over():
            return
        time.sleep(POLL_S)


def _counted(counts: Mapping[str, int]) -> str:
    names = ("ended", "removed", "running", "held", "queued")
    return ", ".join(f"{counts[name]} {name}" for name in names if counts.get(name))


def _words(report: JobReport | None) -> str:
    if report is None:
        return "submitted"
    where = f" on {report.host}" if report.host and report.state == "running" else ""
    return f"{report.state}{where}" + (f": {report.reason}" if report.reason else "")
