"""What a launcher has started: `thesis-train --launch DIR/launch.json`.

The process that the record names trains in the directory that it has taken already, as the record
says; at its end the record tells how that came about.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.attempt import guarded, import_from_here
from engine.cli.recorded import complete, reason_of, recorded
from engine.cli.sweep import relayed
from engine.errors import ConfigError, LaunchError
from engine.facts.run_dir import RunDir

if TYPE_CHECKING:
    from engine.launch.job import JobHandle

_NUMBER = "hydra.job.num="


@dataclass(frozen=True)
class Placement:
    """Where the runs of a command train; it travels to the processes of a sweep."""

    job: JobHandle | None = None
    """The job that the command is; None for one that somebody typed."""

    @property
    def starts_again(self) -> bool:
        """Whether its run goes on by itself where the directory holds one already."""
        from engine.launch.job import HTCONDOR

        return self.job is not None and self.job.target == HTCONDOR

    @property
    def sweep_stop(self) -> Path | None:
        """Of a run that is a job of its own in a sweep the file that ends the sweep."""
        if self.job is None or self.job.kind != "run" or self.job.sweep_dir is None:
            return None
        from engine.facts.sweep_dir import SweepDir

        return SweepDir(Path(self.job.sweep_dir)).stop

    def check(self, cfg: Any) -> None:
        """Raise a `ConfigError` if no job may train with a config.

        One that saves nothing, or began as another run's and names what it may not.
        """
        if self.job is None:
            return
        from engine.config.directories import check_it_saves

        check_it_saves(cfg)
        if self.job.parent is None:
            return
        from engine.cli.trust import trusted_packages
        from engine.config.saved import untrusted

        trusted = [*self.job.trust, *trusted_packages()]
        if trusted:
            import_from_here()
        problems = untrusted(cfg, trusted)
        if problems:
            raise ConfigError.from_problems(problems)

    @contextlib.contextmanager
    def claimed(self, wanted: Path, overrides: Sequence[str]) -> Iterator[RunDir]:
        """A directory that is a new run's own, for as long as it trains."""
        if self.job is None:
            yield RunDir.claim(wanted)
        elif self.job.kind == "run":
            yield _first_claim(RunDir(self.job.directory))
        else:
            run_dir = RunDir.claim(wanted)
            with recorded(_entries(self.job, run_dir, overrides), run_dir):
                yield run_dir


def _first_claim(run_dir: RunDir) -> RunDir:
    """The directory of a job that is one run, for the first training that asks for it."""
    try:
        run_dir.attempts.mkdir()
    except FileExistsError as error:
        raise ConfigError(
            f"{run_dir.run_id} was launched as one run, and its config asks for several",
            "engine launch -m starts them as a sweep.",
        ) from error
    return run_dir


def _entries(sweep: JobHandle, run_dir: RunDir, overrides: Sequence[str]) -> dict[str, Any]:
    """The launch record of a run of a sweep."""
    from engine.launch.job import JobSpec
    from engine.launch.record import new_entries

    spec = JobSpec(tuple(overrides), run_dir.path, parent=sweep.parent, trust=sweep.trust)
    return new_entries(spec, sweep_id=sweep.id, sweep_dir=str(sweep.directory))


def run_launched(words: Sequence[str], debug: bool) -> int:
    """What `thesis-train --launch RECORD` does; gives the exit code."""
    failures: list[Exception] = []
    jobs: list[JobHandle] = []

    def work() -> None:
        job = own_job(words)
        jobs.append(job)
        _train(job, failures, debug)

    code = guarded(work, failures, debug)
    from engine.launch.condor.node import starts_again

    for job in jobs:
        if not starts_again(job, code):
            complete(job, code, _why(failures))
    return code


def own_job(words: Sequence[str]) -> JobHandle:
    """The job that this very process is.

    Raises
    ------
    LaunchError
        If the record names another process, which trains there, or did.
    ConfigError, FactsError
        If there is no such record, or it cannot be read.
    """
    from engine.launch.condor.node import taken_over
    from engine.launch.job import HTCONDOR
    from engine.launch.record import read_job

    if len(words) != 1:
        raise ConfigError("--launch takes the record of a job, and nothing else")
    job = read_job(Path(os.path.abspath(words[0])))
    if job is None or job.kind is None or job.id is None:
        raise ConfigError(f"{words[0]}: no record of a job", "engine launch writes one.")
    if job.target == HTCONDOR:
        return taken_over(job)
    if job.pid != os.getpid() or job.process() != "alive" or job.state != "running":
        raise LaunchError(
            f"{job.name} was started as process {job.pid} on {job.host}, and not by this one",
            f"engine resume {job.name} goes on with it.",
        )
    return job


def _why(failures: Sequence[Exception]) -> str | None:
    if len(failures) > 1:
        return f"{len(failures)} runs failed; the first: {reason_of(failures[0])}"
    return reason_of(failures[0]) if failures else None


def _train(job: JobHandle, failures: list[Exception], debug: bool) -> None:
    """Train as the record of a job says."""
    from engine.cli.train import DISPATCH, Task

    if job.kind == "resume" or _has_begun(job):
        _go_on(job)
        return
    from engine.config.command import run_command
    from engine.config.paths import composing_from
    from engine.launch.configs import kept_configs
    from engine.launch.record import sweep_settings

    kept = kept_configs(job)
    further = kept[1:] if kept else job.config_dirs
    words = [word for folder in further for word in ("--config-dir", str(folder))]
    words += ["--multirun"] if job.kind == "sweep" else []
    words += [*job.overrides, *sweep_settings(job.at_once or 1, job.leave_out)]
    words += _directories(job)
    task = Task(failures, debug, Placement(job))
    with composing_from(kept[0] if kept else None):
        run_command("thesis-train", words, task, list(DISPATCH))


def _has_begun(job: JobHandle) -> bool:
    """Whether a job is a run that HTCondor starts again: what it trains is written down there."""
    is_run = job.kind == "run" and Placement(job).starts_again
    return is_run and (RunDir(job.directory).hydra / "config.yaml").exists()


def _go_on(job: JobHandle) -> None:
    """Go on with the saved config of a run, whatever the config files say by now."""
    from engine.cli.resume import resume
    from engine.cli.train import job_number
    from engine.cli.trust import trusted_packages

    run_dir, placement, is_typed = RunDir(job.directory), Placement(job), job.kind == "run"
    overrides = () if is_typed else job.overrides
    # What somebody typed here may name whatever it likes; the config of another run may not.
    trusted = None if is_typed and job.parent is None else [*job.trust, *trusted_packages()]
    stop = placement.sweep_stop
    if stop is not None and stop.exists():
        run_dir.stop.touch()
    numbers = [one for one in (*_number(job), *job.overrides) if one.startswith(_NUMBER)]
    number = numbers[0].removeprefix(_NUMBER) if numbers else None
    with job_number(number), relayed(stop, run_dir.stop):
        resume(run_dir, overrides, trusted, launched=True, again=placement.starts_again)


def _directories(job: JobHandle) -> list[str]:
    """The overrides that put a job where its record lies; runs are named after their sweep."""
    from engine.config.command import directory_override
    from engine.launch.sweep_names import own_name

    if job.kind != "sweep":
        place = [directory_override("hydra.run.dir", job.directory)]
        return place if job.sweep_id is None else [*place, "hydra.mode=RUN", *_number(job)]
    words = [directory_override("hydra.sweep.dir", job.directory)]
    own = own_name(job.name)
    if own and not any(word.startswith("hydra.sweep.subdir=") for word in job.overrides):
        words.append(f"hydra.sweep.subdir=../../runs/run_{own}_job${{hydra.job.num}}")
    return words


def _number(job: JobHandle) -> list[str]:
    """What tells a run of a sweep which one it is, as Hydra tells the runs of its own sweeps."""
    return [] if job.number is None else [f"{_NUMBER}{job.number}"]
