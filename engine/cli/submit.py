"""The command `engine submit`: trainings on a cluster with HTCondor."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.job_spec import add_job_options, job_spec
from engine.cli.output import (
    Command,
    add_json_option,
    on_terminal,
    print_json,
    remark,
    say,
)
from engine.cli.select import existing_root, select_one
from engine.cli.shelf import is_last
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.launch.condor.client import Condor
    from engine.launch.job import JobHandle, JobSpec
    from engine.launch.resources import Resources

_DETAILS = """\
Each run is a job, submitted with HTCondor's Python bindings from a machine that HTCondor is set up
on. All mistakes are told first, and nothing is submitted then. The directory of a run has
launch.json, which is written before its job is sent, and job.log, in which HTCondor tells what
becomes of it. When HTCondor sends a job away from its node, it saves, and goes on from there at its
next start.

The config group launcher, which is launcher=htcondor here, says what each job asks for: cpus, gpus,
gpu_capability, memory, disk, category, time_limit, os, requirements, accounting_group,
max_vacate_time, max_materialize, schedd.

  engine submit phase1/latent_space=vq phase1.trainer.epochs=40
  engine submit env=stoomboot launcher.category=short launcher.gpus=1 launcher.memory=8GB
  engine submit -m phase1.trainer.seed=1,2,3 phase1/latent_space=vq,linear
  engine submit --resume last --epochs 80 launcher.memory=8GB
  engine submit phase1.trainer.epochs=1 --wait
  engine submit --again last         where it is not known what HTCondor has got

The same command a second time is a second sweep. After the loss of a terminal engine jobs shows
what was submitted, and --again finishes a submission that was interrupted.
"""

ANSWER_S = 10.0
"""How long a scheduler may take to say that it is there."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_job_options(parser)
    text = "return when all jobs are over; Ctrl-C leaves them alone"
    parser.add_argument("--wait", action="store_true", help=text)
    text = "finish the submission of this run or sweep: look for its jobs, submit what is missing"
    parser.add_argument("--again", metavar="RUN", help=text)
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    return _again(args) if args.again else _begin(args)


def _again(args: argparse.Namespace) -> int:
    from engine.cli.submit_wait import progress_bar
    from engine.launch.condor.client import Condor
    from engine.launch.record import find_record
    from engine.launch.submission import submit_again

    others = (args.resume, args.parent, args.multirun, args.leave_out, args.config_name)
    if args.overrides or args.config_dir or args.epochs is not None or any(others):
        raise ConfigError("--again takes a run or a sweep, and nothing else")
    folder = _unfinished(args.again, args.root)
    job = find_record(folder)
    if job is None:
        raise ConfigError(f"{folder.name} was not submitted")
    with Condor(job.schedd) as condor:
        with progress_bar(job.points) as progress:
            job = submit_again(folder, condor, progress)
        return _follow(job, condor, args)


def _unfinished(word: str, root: str | None) -> Path:
    """The directory of the sweep, or else of the run, that a word means."""
    from engine.facts.sweep_dir import SweepDir
    from engine.launch.jobs import JobFinder

    named = Path(word).expanduser()
    if SweepDir(named).record.exists():
        return named.absolute()
    place = existing_root(root)
    sweeps = JobFinder(place).refresh(runs=[]) if place and not is_last(word) else []
    found = [job for job in sweeps if job.name == word] or [j for j in sweeps if word in j.name]
    if len(found) > 1:
        names = ", ".join(job.name for job in found[:8])
        raise ConfigError(f"{word}: {len(found)} sweeps have that in their name", names)
    return found[0].handle.directory if found else select_one(word, root).absolute()


def _begin(args: argparse.Namespace) -> int:
    from engine.cli.submit_wait import progress_bar
    from engine.config.launcher import chooses
    from engine.launch.condor.client import Condor
    from engine.launch.condor.why import misfit
    from engine.launch.job import HTCONDOR
    from engine.launch.resources import Resources
    from engine.launch.submission import submit

    own = [] if args.resume or chooses(args.overrides) else [f"launcher={HTCONDOR}"]
    if args.multirun and on_terminal():
        remark("checking the config of each run")  # of a thousand it takes half a minute
    spec = job_spec(args, [*own, *args.overrides], cluster=HTCONDOR)
    if spec.target != HTCONDOR:
        raise ConfigError(
            f"launcher={spec.target}: this is no cluster",
            "engine launch starts it on this machine.",
        )
    resources = Resources.from_entries(spec.resources)
    _warn(spec, resources)
    with Condor(resources.schedd, {"ping": ANSWER_S}) as condor:
        unfit = misfit(resources, condor)
        if unfit:
            remark(f"warning: {unfit}")
        try:
            with progress_bar(spec.points) as progress:
                job = submit(spec, resources, condor, progress)
        except KeyboardInterrupt:
            _tell_what_is_begun(spec)
            raise
        return _follow(job, condor, args)


def _tell_what_is_begun(spec: JobSpec) -> None:
    from engine.launch.record import find_record

    job = find_record(spec.directory)
    if job is not None and job.state == "submitting":
        again = f"engine submit --again {job.name} finishes it"
        remark(f"{job.name} is not wholly submitted: {again}")


def _warn(spec: JobSpec, resources: Resources) -> None:
    """Tell what looks wrong, and may be all right here."""
    from engine.cli.submit_check import places_of
    from engine.config.composer import Composer
    from engine.launch.condor.check import findings

    cfg = None
    if not spec.resume:
        words = spec.runs[0] if spec.runs else spec.overrides
        cfg = Composer(spec.config_dirs).compose(words)
    for text in findings(places_of(cfg), spec.directory.parent, resources):
        remark(f"warning: {text}")


def _follow(job: JobHandle, condor: Condor, args: argparse.Namespace) -> int:
    """Tell of what was submitted, and wait for it if that is wanted; the exit code."""
    from engine.cli.submit_wait import wait

    if not args.json:
        _tell(job)
    code = wait(job, condor) if args.wait else 0
    if args.json:
        told = {"id": job.id, "name": job.name, "kind": job.kind, "job_id": job.job_id}
        place = {"schedd": job.schedd, "directory": str(job.directory)}
        rest = {"command": job.command, "points": job.points}
        runs = {"runs": _runs(job)} if job.kind == "sweep" else {}
        print_json({**told, **place, **rest, **runs})
    return code


def _runs(sweep: JobHandle) -> list[dict[str, Any]]:
    """The runs of a sweep, with HTCondor's number of each; None for what it makes later."""
    from engine.facts.run_dir import RunDir
    from engine.facts.sweep_dir import SweepDir
    from engine.launch.record import read_job
    from engine.launch.sweep_runs import read_runs, runs_folder

    folder = runs_folder(sweep.directory)
    places = [folder / run.name for run in read_runs(SweepDir(sweep.directory))]
    jobs = [read_job(RunDir(place).launch) for place in places]
    return [
        {"name": place.name, "directory": str(place), "job_id": job.job_id if job else None}
        for place, job in zip(places, jobs, strict=True)
    ]


def _tell(job: JobHandle) -> None:
    from engine.facts.sweep_dir import SweepDir

    place = os.path.relpath(job.directory)
    if job.kind == "sweep" and SweepDir(job.directory).stop.exists():
        remark(f"{job.name} was asked to stop while it was submitted: none of its runs begins now")
        return
    if job.kind == "sweep":
        say(f"sweep {job.name}: {job.points} jobs of {job.schedd}, in {place}")
        say("  engine jobs   shows how far it is")
        say(f"  engine jobs stop {job.name}   lets all its runs save and end")
        return
    say(f"{job.name}: job {job.job_id} of {job.schedd}, in {place}")
    say(f"  engine follow {job.name}   shows what it does")
    say(f"  engine stop {job.name}   lets it save and end")


main = Command(
    name="submit",
    summary="Train on a cluster with HTCondor.",
    add_arguments=_add_arguments,
    work=_work,
    details=_DETAILS,
)
