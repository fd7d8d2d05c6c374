"""The record of a sweep whose runs are jobs of a cluster, and the jobs that belong to it.

Whoever comes back to a sweep finds by it what was submitted, so that nothing is submitted twice.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.errors import ConfigError, LaunchError
from engine.facts.files import as_facts_error
from engine.facts.run_dir import RunDir
from engine.facts.sweep_dir import SweepDir
from engine.launch.job import HTCONDOR, LOCAL, JobHandle, JobSpec
from engine.launch.lock import locked
from engine.launch.record import (
    NO_PROCESS,
    amend_record,
    command_text,
    new_entries,
    read_job,
    write_record,
)


@contextlib.contextmanager
def awaited(spec: JobSpec) -> Iterator[JobHandle]:
    """The record of a sweep that this process alone submits and waits for, on any machine.

    Raises
    ------
    ConfigError
        If another process waits for it, or another sweep is there.
    FactsError
        If it cannot be made there.
    """
    place = SweepDir(spec.directory)
    with as_facts_error(place.path):
        place.path.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(place.lock, place.path.name))
        except LaunchError as error:
            other = read_job(place.record)
            named = other is not None and other.pid is not None
            who = f"process {other.pid} on {other.host}" if other and named else "another process"
            raise ConfigError(f"{who} waits for {place.path} already") from error
        yield begin_sweep(spec)


def begin_sweep(spec: JobSpec) -> JobHandle:
    """The record of a sweep, for whoever has its lock; one that is there goes on.

    Raises
    ------
    ConfigError
        If another process waits for it, or another sweep is there.
    """
    place = SweepDir(spec.directory)
    place.path.mkdir(parents=True, exist_ok=True)
    known = read_job(place.record)
    fresh = new_entries(spec, command=command_text(replace(spec, target=LOCAL)))
    if known is None:
        return write_record(place.record, fresh)
    if known.pid == fresh["pid"] and known.target == LOCAL:
        raise ConfigError(
            "hydra/launcher=htcondor: engine launch trains on this machine only",
            "thesis-train --multirun submits the runs and waits for them.",
        )
    if known.target != HTCONDOR or _words(known.overrides) != _words(spec.overrides):
        raise ConfigError(
            f"{place.path} holds another sweep: {known.command or 'its record does not say which'}",
            "Its own command goes on with it; another one needs another hydra.sweep.dir.",
        )
    if known.pid != fresh["pid"] and known.process() == "alive":
        raise ConfigError(f"process {known.pid} waits for {place.path} already")
    process = {name: fresh[name] for name in NO_PROCESS}
    amend_record(place.record, known.id, **process, state="running", ended=None)
    return read_job(place.record) or known


def _words(overrides: Sequence[str]) -> list[str]:
    """What a sweep is known by: all but where its files are."""
    return [word for word in overrides if not word.lstrip("+").startswith("hydra.sweep.")]


def known_job(spec: JobSpec, sweep: JobHandle) -> JobHandle | None:
    """The job of a run that was submitted before; None where there is none.

    Raises
    ------
    FactsError
        If a record that may be its own cannot be read.
    """
    wanted = spec.directory
    for number in itertools.count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        if not path.exists():
            return None
        job = read_job(RunDir(path).launch)
        if job is None or job.sweep_id != sweep.id:
            continue
        if job.kind == "resume" or job.overrides == spec.overrides:
            return job
    return None
