"""The runs of a sweep as jobs on HTCondor, submitted and waited for: `hydra/launcher=htcondor`."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.sweep import ToldFailure
from engine.errors import ConfigError, Stopped
from engine.facts.sweep_dir import SweepDir
from engine.facts.text import plain

if TYPE_CHECKING:
    from engine.config.cluster_launcher import ClusterPoint, ClusterSweep, Trained
    from engine.launch.hydra_launcher import AwaitedRuns, End, Point
    from engine.launch.job import JobHandle, JobSpec
    from engine.launch.resources import Resources

log = logging.getLogger("engine")

POLL_S = 0.5
_CLEAR_LINE = "\r\x1b[K"


class Line:
    """How a batch stands: one line that is written again and again, or a line for each change."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, text: str) -> None:
        """Show how it stands now."""
        if text == self._shown:
            return
        if sys.stdout.isatty():
            fitting = plain(text)[: shutil.get_terminal_size().columns - 1]
            sys.stdout.write(f"{_CLEAR_LINE}{fitting}")
            sys.stdout.flush()
        else:
            log.info("%s", plain(text))
        self._shown = text

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        log.info("%s", plain(text))

    def clear(self) -> None:
        """Let something else be printed."""
        if self._shown and sys.stdout.isatty():
            sys.stdout.write(_CLEAR_LINE)
            sys.stdout.flush()
            self._shown = ""


def train_on_cluster(sweep: ClusterSweep, points: Sequence[ClusterPoint]) -> list[Trained]:
    """Train all points as jobs, and return when they are over: what became of each.

    Raises
    ------
    ConfigError
        With all that is wrong; nothing is submitted then.
    CouldNotAsk
        If the scheduler does not answer, and nothing of this batch is submitted.
    """
    from engine.launch.awaited_sweep import awaited
    from engine.launch.condor.client import Condor
    from engine.launch.condor.following import Following
    from engine.launch.hydra_launcher import AwaitedRuns
    from engine.launch.record import amend_record

    wanted, line = _checked(sweep, points), Line()
    with contextlib.ExitStack() as stack:
        condor = stack.enter_context(Condor(wanted[0].resources.schedd))
        if not SweepDir(sweep.directory).record.exists():
            condor.ping()  # nothing is left of a sweep that nobody can take
        record = stack.enter_context(awaited(_spec(sweep, points[-1].number + 1)))
        amend_record(record.path, record.id, points=max(points[-1].number + 1, record.points or 0))
        for point in points:
            log.info("\t#%d : %s", point.number, " ".join(_told_of(point)))
        runs = AwaitedRuns(wanted, record, condor, Following(condor), line.tell)
        try:
            _wait(runs, line)
        except (KeyboardInterrupt, Stopped):
            line.clear()
            _say_how_to_return(runs, record)
            amend_record(record.path, record.id, pid=None)
            raise
        ends = [runs.ends[place] for place in range(len(points))]
        _complete(record, ends, is_first=points[0].number == 0)
    return [_trained(point, end) for point, end in zip(points, ends, strict=True)]


def _spec(sweep: ClusterSweep, points: int) -> JobSpec:
    """The sweep, which has so many points by now."""
    from engine.launch.job import HTCONDOR, JobSpec

    return JobSpec(
        sweep.overrides,
        sweep.directory,
        sweep=True,
        config_dirs=sweep.config_dirs,
        target=HTCONDOR,
        points=points,
    )


def _complete(record: JobHandle, ends: Sequence[End], *, is_first: bool) -> None:
    """Write into the record how a batch ended: the sweep did so, unless another one follows."""
    from engine.launch.record import amend_record, now

    code, reason = (0, None) if is_first else (record.exit_code or 0, record.reason)
    failed = [end for end in ends if end.exit_code]
    if failed and not code:
        code, reason = failed[0].exit_code, failed[0].sentence
    told = {"state": "ended", "ended": now(), "exit_code": code, "reason": reason}
    amend_record(record.path, record.id, **told)


def _checked(sweep: ClusterSweep, points: Sequence[ClusterPoint]) -> list[Point]:
    """The points as jobs, if nothing is wrong with any of them."""
    from engine.config.directories import check_it_saves
    from engine.config.schema import value_problems
    from engine.launch.hydra_launcher import Point
    from engine.launch.job import HTCONDOR, JobSpec

    problems: list[str] = []
    found = []
    for point in points:
        check_it_saves(point.config)
        wrong = value_problems(point.config)
        problems += [f"#{point.number}: {text}" for text in wrong]
        if wrong:
            continue
        resources, entries = _resources(point.config)
        spec = JobSpec(
            point.overrides,
            point.directory,
            config_dirs=sweep.config_dirs,
            target=HTCONDOR,
            resources=entries,
        )
        found.append(Point(spec, resources))
    schedulers = {one.resources.schedd for one in found}
    if len(schedulers) > 1:
        problems.append("launcher.schedd: the runs of a sweep go to one scheduler")
    if problems:
        raise ConfigError.from_problems(problems)
    return found


def _resources(cfg: Any) -> tuple[Resources, dict[str, Any]]:
    """What a job asks for, and the same as the config has it."""
    from omegaconf import OmegaConf

    from engine.launch.resources import Resources

    entries: Any = OmegaConf.to_container(cfg.launcher, resolve=True)
    entries.pop("target")
    return Resources.from_entries(entries), entries


def _told_of(point: ClusterPoint) -> list[str]:
    """What Hydra tells of a run: its overrides without those of Hydra."""
    return [word for word in point.overrides if not word.lstrip("+~").startswith("hydra")]


def _wait(runs: AwaitedRuns, line: Line) -> None:
    """Submit, and return when all is over; a scheduler that does not answer ends nothing."""
    while True:
        runs.step()
        if runs.is_over:
            line.clear()
            return
        line.show(_standing(runs))
        time.sleep(POLL_S)


def _standing(runs: AwaitedRuns) -> str:
    """How many runs are in which state, in a line, and that nobody answers."""
    told = ", ".join(f"{number} {state}" for state, number in runs.counts().items())
    return f"{told}; {runs.silent}" if runs.silent else told


def _say_how_to_return(runs: AwaitedRuns, sweep: JobHandle) -> None:
    log.info("the jobs of %s go on without this command: %s", sweep.name, _standing(runs))
    log.info("  engine jobs   lists them")
    log.info("  %s", way_back(sweep))
    log.info("    waits for them again, and submits only what is not submitted yet")


def way_back(sweep: JobHandle) -> str:
    """The command that waits for a sweep again, for a shell."""
    from engine.config.command import directory_override

    words = shlex.split(sweep.command or "")
    if not any(word.startswith("hydra.sweep.dir=") for word in words):
        place = os.path.relpath(sweep.directory)
        plain_name = re.fullmatch(r"[\w./-]+", place, re.ASCII)
        words.append(
            f"hydra.sweep.dir={place}"
            if plain_name
            else directory_override("hydra.sweep.dir", Path(place))
        )
    return shlex.join(words)


def _trained(point: ClusterPoint, end: End) -> Trained:
    """What the sweeper gets; the failure was told already."""
    from engine.config.cluster_launcher import Trained

    if end.state == "finished":
        return Trained(end.directory, end.value)
    name = (end.directory or point.directory).name
    return Trained(end.directory, None, ToldFailure(f"{name}: {end.sentence}", end.exit_code))
