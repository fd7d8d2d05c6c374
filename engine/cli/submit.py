"""The command `engine submit`: a training on a cluster with HTCondor."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_config_dir_option, check_overrides, config_folders
from engine.cli.output import Command, add_json_option, print_json, remark, say
from engine.cli.select import add_root_option, select_one
from engine.errors import ConfigError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.facts.evidence import JobReport
    from engine.launch.condor import Condor
    from engine.launch.job import JobHandle

POLL_S = 0.5

_DETAILS = """\
The run is submitted with HTCondor's Python bindings, from a machine that HTCondor is set up on.
All mistakes are told first, and nothing is submitted then. Its directory has launch.json, which is
written before the job is sent, and job.log, in which HTCondor tells what becomes of it. When
HTCondor sends the job away from its node, it saves, and goes on from there at its next start.

Words that begin with launcher. say what it asks for: cpus, gpus, gpu_capability, memory, disk,
category, time_limit, os, requirements, accounting_group, max_vacate_time, schedd.

  engine submit phase1/latent_space=vq phase1.trainer.epochs=40
  engine submit env=stoomboot launcher.category=short launcher.gpus=1 launcher.memory=8GB
  engine submit phase1.trainer.epochs=1 --wait
  engine submit --again RUN          where it is not known whether HTCondor got the job
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides",
        metavar="OVERRIDE",
        nargs="*",
        default=[],
        help="as for thesis-train; launcher.KEY=VALUE for what the job asks for",
    )
    text = "return when the job is over; Ctrl-C leaves it alone"
    parser.add_argument("--wait", action="store_true", help=text)
    text = "look for the job of this run, and submit it if HTCondor has none"
    parser.add_argument("--again", metavar="RUN", help=text)
    add_config_dir_option(parser)
    add_root_option(parser)
    add_json_option(parser)


def _work(args: argparse.Namespace) -> int:
    from engine.launch.condor import Condor

    check_overrides(args.overrides)
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
    from engine.cli.launch import look_ahead
    from engine.cli.train import DISPATCH
    from engine.config.compose import dotted_loops, register_loops
    from engine.config.composer import Composer
    from engine.config.directories import wanted_directory
    from engine.launch.condor import Condor
    from engine.launch.condor_jobs import submit
    from engine.launch.job import HTCONDOR, JobSpec
    from engine.launch.resources import Resources

    words = [word for word in args.overrides if not word.startswith("launcher.")]
    resources = Resources.from_entries(_entries(args.overrides))
    folders = config_folders(args.config_dir)
    composer = Composer(folders)
    register_loops([*DISPATCH, *dotted_loops(words)])
    if look_ahead(composer, words, False):
        raise ConfigError("a sweep cannot be submitted to HTCondor: single runs can")
    directory = wanted_directory(composer, words, sweep=False)
    spec = JobSpec(tuple(words), directory, config_dirs=tuple(folders), target=HTCONDOR)
    with Condor(resources.schedd) as condor:
        return _follow(submit(spec, resources, condor), condor, args)


def _entries(words: Sequence[str]) -> dict[str, Any]:
    """What `launcher.KEY=VALUE` sets; the last one counts."""
    import yaml

    entries: dict[str, Any] = {}
    for word in words:
        if not word.startswith("launcher."):
            continue
        key, equals, text = word.removeprefix("launcher.").partition("=")
        if not equals:
            raise ConfigError(f"{word}: a value is set by key=value")
        try:
            entries[key] = yaml.safe_load(text) if key in _NUMBERS else text
        except yaml.YAMLError as error:
            raise ConfigError(f"{word}: this is no value") from error
    return {key: None if value == "null" else value for key, value in entries.items()}


_NUMBERS = ("cpus", "gpus", "gpu_capability", "max_vacate_time")


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
    from engine.launch.condor import CouldNotAsk
    from engine.launch.condor_watch import OVER, Watch
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
