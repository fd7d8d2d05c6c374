"""The command `engine submit`: a training on a cluster with HTCondor."""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING

from engine.cli.job_spec import add_job_options, job_spec
from engine.cli.output import Command, add_json_option, print_json, remark, say
from engine.cli.select import select_one
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.facts.job_report import JobReport
    from engine.launch.condor import Condor
    from engine.launch.job import JobHandle

POLL_S = 0.5

_DETAILS = """\
The run is submitted with HTCondor's Python bindings, from a machine that HTCondor is set up on.
All mistakes are told first, and nothing is submitted then. Its directory has launch.json, which is
written before the job is sent, and job.log, in which HTCondor tells what becomes of it. When
HTCondor sends the job away from its node, it saves, and goes on from there at its next start.

The config group launcher, which is launcher=htcondor here, says what the job asks for: cpus, gpus,
gpu_capability, memory, disk, category, os, requirements, accounting_group, max_vacate_time, schedd.

  engine submit phase1/latent_space=vq phase1.trainer.epochs=40
  engine submit env=stoomboot launcher.category=short launcher.gpus=1 launcher.memory=8GB
  engine submit phase1.trainer.epochs=1 --wait
  engine submit --again RUN          where it is not known whether HTCondor got the job
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_job_options(parser)
    text = "return when the job is over; Ctrl-C leaves it alone"
    parser.add_argument("--wait", action="store_true", help=text)
    text = "look for the job of this run, and submit it if HTCondor has none"
    parser.add_argument("--again", metavar="RUN", help=text)
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    from engine.launch.condor import Condor

    if args.again:
        job = _in_doubt(args)
        with Condor(job.schedd) as condor:
            from engine.launch.condor_jobs import submit_again

            return _follow(submit_again(job, condor), condor, args)
    return _begin(args)


def _in_doubt(args: argparse.Namespace) -> JobHandle:
    from engine.launch.record import read_job

    if args.overrides or args.config_dir:
        raise ConfigError("--again takes a run, and nothing else")
    path = select_one(args.again, args.root).absolute()
    job = read_job(RunDir(path).launch)
    if job is None:
        raise ConfigError(f"{path.name} was not submitted")
    return job


def _begin(args: argparse.Namespace) -> int:
    from engine.config.launcher import chooses
    from engine.launch.condor import Condor
    from engine.launch.condor_jobs import submit
    from engine.launch.job import HTCONDOR
    from engine.launch.resources import Resources

    own = [] if args.resume or chooses(args.overrides) else [f"launcher={HTCONDOR}"]
    spec = job_spec(args, [*own, *args.overrides])
    if spec.target != HTCONDOR:
        raise ConfigError(
            f"launcher={spec.target}: this is no cluster",
            "engine launch starts it on this machine.",
        )
    resources = Resources.from_entries(spec.resources)
    with Condor(resources.schedd) as condor:
        return _follow(submit(spec, resources, condor), condor, args)


def _follow(job: JobHandle, condor: Condor, args: argparse.Namespace) -> int:
    """Tell of a job that was submitted, and wait for it if that is wanted; the exit code."""
    if not args.json:
        say(f"{job.name}: job {job.job_id} of {job.schedd}, in {os.path.relpath(job.directory)}")
        say(f"  engine follow {job.name}   shows what it does")
        say(f"  engine stop {job.name}   lets it save and end")
    code = _wait(job, condor) if args.wait else 0
    if args.json:
        told = {"id": job.id, "name": job.name, "job_id": job.job_id, "schedd": job.schedd}
        print_json(told | {"directory": str(job.directory), "command": job.command})
    return code


def _wait(job: JobHandle, condor: Condor) -> int:
    """Return when a job is over: 0 if its run has finished."""
    from engine.facts.job_report import OVER
    from engine.facts.state import UNDER_WAY
    from engine.launch.condor import CouldNotAsk
    from engine.launch.condor_watch import Watch
    from engine.library.index import summarise

    watch, last = Watch(job, condor), ""
    while True:
        try:
            report = watch.look()
            text = _words(report)
        except CouldNotAsk as error:
            report, text = None, error.message
        if text != last:
            remark(text)
            last = text
        if report and report.state in OVER:
            break
        time.sleep(POLL_S)
    summary = summarise(str(job.directory))
    while summary.state in UNDER_WAY:  # its last words may be on their way
        time.sleep(POLL_S)
        summary = summarise(str(job.directory))
    remark(summary.sentence or summary.problem or "")
    return 0 if summary.state == "finished" else 1


def _words(report: JobReport | None) -> str:
    if report is None:
        return "submitted"
    where = f" on {report.host}" if report.host and report.state == "running" else ""
    return f"{report.state}{where}" + (f": {report.reason}" if report.reason else "")


main = Command(
    name="submit",
    summary="Train on a cluster with HTCondor.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
