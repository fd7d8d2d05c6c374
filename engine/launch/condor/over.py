"""Whether the job of a run is over that is to go on from elsewhere."""

from __future__ import annotations

from engine.errors import ConfigError
from engine.facts.job_report import OVER
from engine.facts.run_dir import RunDir
from engine.facts.state import UNDER_WAY
from engine.launch.condor.ads import WANTED, one_of, read_ad
from engine.launch.condor.client import Condor, CouldNotAsk
from engine.launch.condor.queue import look_once
from engine.launch.job import HTCONDOR
from engine.launch.record import read_job
from engine.library.examine import summarise
from engine.library.summary import RunSummary

ANSWER_S = 10.0
"""How long somebody waits who wants to go on with a run."""


def as_told(run_dir: RunDir, summary: RunSummary) -> RunSummary:
    """How a run is that is under way as far as its files tell, where HTCondor has its job no more.

    As they have it where the scheduler does not answer.
    """
    job = read_job(run_dir.launch)
    if summary.state not in UNDER_WAY or job is None or job.target != HTCONDOR or job.is_copy:
        return summary
    report = look_once([job], deadline_s=ANSWER_S).report(job)
    return summarise(run_dir.path, report) if report and report.state in OVER else summary


def check_job_is_over(run_dir: RunDir, summary: RunSummary) -> None:
    """Raise a `ConfigError` if HTCondor may start the job of a run, whose training is over, again.

    The log of the job tells; where it does not the scheduler is asked.
    """
    job = read_job(run_dir.launch)
    if job is None or job.target != HTCONDOR or job.is_copy:
        return
    if job.state == "submitting":
        raise ConfigError(
            f"{run_dir.run_id}: it is not known whether HTCondor has its job",
            f"engine submit --again {run_dir.run_id} finds out.",
        )
    if summary.job_over or summary.state == "finished":
        return
    name, number = run_dir.run_id, f"its job {job.job_id}" if job.job_id else "its job"
    try:
        with Condor(job.schedd, {"query": ANSWER_S}) as condor:
            found = [read_ad(ad) for ad in condor.query(one_of([job.id]), WANTED)]
    except CouldNotAsk as error:
        raise ConfigError(
            f"{name}: HTCondor may start {number} again, and cannot be asked: {error.message}",
            f"Try again later, or engine resume {name} --take-over: that job will not begin then.",
        ) from error
    if any(one.state not in OVER for one in found):
        raise ConfigError(
            f"{name}: HTCondor still has {number}, and may start it again",
            f"engine jobs remove {name} removes it.",
        )
