"""What `engine submit` shows while it lasts: how far a submission is, and how the jobs are."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.cli.output import remark
from engine.errors import FactsError

if TYPE_CHECKING:
    from engine.facts.job_report import JobReport
    from engine.launch.condor.client import Condor
    from engine.launch.condor.sending import Progress
    from engine.launch.job import JobHandle
    from engine.library.summary import RunSummary

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
    is_sweep = job.kind == "sweep"
    try:
        return _wait(job, _runs_of(job) if is_sweep else [job], condor)
    except KeyboardInterrupt:
        what = "jobs go" if is_sweep else "job goes"
        show = "engine jobs" if is_sweep else f"engine follow {job.name}"
        remark(f"the {what} on; {show} shows what becomes of it")
        raise


def _wait(job: JobHandle, runs: Sequence[JobHandle], condor: Condor) -> int:
    from engine.facts.job_report import OVER
    from engine.launch.condor.following import Following
    from engine.launch.jobs import sweep_state

    following, last, was_silent = Following(condor), "", False
    while True:
        reports, problem = following.look(runs)
        if bool(problem) is not was_silent:
            remark(problem or "HTCondor answers again")
            was_silent = bool(problem)
        text = _told(job, runs, reports)
        if text != last:
            remark(text)
            last = text
        if len(reports) == len(runs) and all(one.state in OVER for one in reports.values()):
            break
        time.sleep(POLL_S)
    summaries = ends(runs, reports)
    one = summaries[0] if job.kind != "sweep" else None
    remark((one.sentence or one.problem or "") if one else sweep_state(job, summaries).sentence)
    return 0 if all(one.state == "finished" for one in summaries) else 1


def _runs_of(sweep: JobHandle) -> list[JobHandle]:
    from engine.facts.run_dir import RunDir
    from engine.facts.sweep_dir import SweepDir
    from engine.launch.job import JobHandle
    from engine.launch.record import read_job
    from engine.launch.sweep_runs import read_runs, runs_folder

    folder = runs_folder(sweep.directory)
    runs = read_runs(SweepDir(sweep.directory))
    places = [(RunDir(folder / run.name).launch, run.id) for run in runs]
    return [read_job(path) or JobHandle(path, run_id) for path, run_id in places]


def ends(
    runs: Sequence[JobHandle],
    reports: Mapping[str, JobReport],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> list[RunSummary]:
    """What became of runs whose jobs are over; last words that are on their way are waited for.

    Parameters
    ----------
    reports
        What is known of the job of each, by its id.
    clock, pause
        Seconds that only grow, and what lets some of them pass.
    """
    from engine.facts.job_state import GRACE_S
    from engine.launch.condor.following import is_told

    found: dict[str, RunSummary] = {}
    late, until = list(runs), clock() + GRACE_S
    while True:
        found |= {run.id or "": _summary(run, reports[run.id or ""]) for run in late}
        late = [
            run for run in late if not is_told(found[run.id or ""].state, reports[run.id or ""])
        ]
        if not late or clock() >= until:
            return [found[run.id or ""] for run in runs]
        pause(POLL_S)


def _summary(run: JobHandle, report: JobReport) -> RunSummary:
    from engine.launch.record import read_job
    from engine.library.index import summarise

    with contextlib.suppress(FactsError):  # what is damaged just now tells nothing new
        run = read_job(run.path) or run
    # A run that ended by itself has said why in its record, which no scheduler knows.
    return summarise(str(run.directory), None if run.state == "ended" else report)


def _told(job: JobHandle, runs: Sequence[JobHandle], reports: Mapping[str, JobReport]) -> str:
    """How the job of a run is, or how many of a sweep are in which state."""
    if job.kind != "sweep":
        return _words(reports.get(job.id or ""))
    counts = Counter(one.state for one in reports.values())
    counts["queued"] += len(runs) - len(reports)
    names = ("ended", "removed", "running", "held", "queued")
    return ", ".join(f"{counts[name]} {name}" for name in names if counts[name])


def _words(report: JobReport | None) -> str:
    if report is None:
        return "submitted"
    where = f" on {report.host}" if report.host and report.state == "running" else ""
    return f"{report.state}{where}" + (f": {report.reason}" if report.reason else "")
