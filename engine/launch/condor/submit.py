"""How a job is described to HTCondor: pure functions.

Overrides never travel here, but in the record that the job is called with. What does travel is
quoted as HTCondor's manual of `condor_submit` says, "Arguments and Environment, new syntax".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from engine.facts.condor_events import LEASE_S
from engine.facts.run_dir import RunDir
from engine.facts.time_limit import MOST_STARTS, REQUEUE, TIME_LIMIT
from engine.launch.job import ID_VARIABLE
from engine.launch.resources import Resources

ID_ATTRIBUTE = "ThesisRunId"
"""Attribute of a job in HTCondor's queue that has the id in its record."""
SWEEP_ATTRIBUTE = "ThesisSweepId"
"""The same of its sweep."""

OUT, ERR = "job.out", RunDir(Path()).job_err.name
"""Files in a run directory: what was printed before `train.log` is open."""

KEPT_VARIABLES = (
    *("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "PATH", "PYTHONPATH", "VIRTUAL_ENV"),
    *("THESIS_DATA_ROOT", "THESIS_OUTPUT_ROOT"),
)
"""Variables that a job gets as they are where it is submitted; it has no others."""

# The forms that the language of submit descriptions expands: $(NAME) and $NAME(arguments).
_MACRO = re.compile(r"\$(?=\(|[A-Za-z_]\w*\()", re.ASCII)
# A hidden $ after another one makes a form that is expanded on the node; $(DOLLAR) hides itself.
_UNHIDEABLE = re.compile(r"\$\$(?=\(|[A-Za-z_]\w*\()|\$\(DOLLAR\)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ID = re.compile(r"[\w.-]+", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Submission:
    """A job as it is to be submitted."""

    record: Path
    """Its `launch.json`, absolute; the job runs in the folder of it."""
    id: str
    """Of the record: the job is found again by it."""
    executable: Path
    """The script that becomes the training, absolute."""
    resources: Resources
    environment: Mapping[str, str]
    """What the job has besides what HTCondor gives it."""
    sweep_id: str | None = None
    """Of the record of its sweep."""
    batch: str = ""
    """Under which name HTCondor lists it; that of its directory where nothing is said."""

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self.record.parent


def description(job: Submission) -> dict[str, str]:
    """The submit description of one job, command to value, without `queue`.

    Raises
    ------
    ConfigError
        With all that HTCondor would not take as it is meant.
    """
    problems = _problems(job)
    if problems:
        raise ConfigError.from_problems(problems)
    return {
        "universe": "vanilla",
        "executable": _plain(job.executable),
        "arguments": arguments(["--launch", os.fspath(job.record)]),
        "initialdir": _plain(job.directory),
        "output": _plain(job.directory / OUT),
        "error": _plain(job.directory / ERR),
        "log": _plain(RunDir(job.directory).job_log),
        "should_transfer_files": "NO",
        "getenv": "False",
        "environment": environment(job.environment),
        "batch_name": _plain(job.batch or job.directory.name),
        f"My.{ID_ATTRIBUTE}": f'"{job.id}"',
        **({f"My.{SWEEP_ATTRIBUTE}": f'"{job.sweep_id}"'} if job.sweep_id else {}),
        "submit_event_notes": f"run {job.id}",
        "notification": "Never",
        "on_exit_remove": f"(ExitCode =!= {REQUEUE}) || (NumJobCompletions >= {MOST_STARTS})",
        "job_lease_duration": str(LEASE_S),
        **_requests(job.resources),
    }


def _requests(wanted: Resources) -> dict[str, str]:
    """What the job asks for."""
    asked = {
        "request_cpus": wanted.cpus,
        "request_memory": wanted.memory_mib,
        "request_disk": wanted.disk_kib,
        "request_gpus": wanted.gpus or None,
        "gpus_minimum_capability": wanted.gpu_capability,
        "requirements": wanted.requirements,
        "accounting_group": wanted.accounting_group,
        "job_max_vacate_time": wanted.max_vacate_time,
        "My.JobCategory": f'"{wanted.category}"' if wanted.category else None,
        "My.UseOS": f'"{wanted.os}"' if wanted.os else None,
    }
    return {name: str(value) for name, value in asked.items() if value is not None}


def job_environment(
    around: Mapping[str, str], python: Path, job_id: str, wanted: Resources
) -> dict[str, str]:
    """The environment of a job that is submitted from the environment `around`.

    Parameters
    ----------
    python
        The interpreter that trains, absolute.
    wanted
        What it asks for: a library may start as many threads as it has cores.
    """
    kept = {name: around[name] for name in KEPT_VARIABLES if name in around}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(wanted.cpus))
    limit = {} if wanted.limit_s is None else {TIME_LIMIT: str(wanted.limit_s)}
    own = {"PYTHON": os.fspath(python), "PYTHONUNBUFFERED": "1", ID_VARIABLE: job_id}
    return {**kept, **threads, **limit, **own}


def argument(word: str) -> str:
    """A word as it stands in `arguments` or `environment`, between the outer double quotes.

    Only the `$` of what would be expanded is hidden: two hidden ones in a row would be taken for
    something else.
    """
    word = word.replace('"', '""')
    if not word or any(char in word for char in " \t'"):
        word = "'" + word.replace("'", "''") + "'"
    return _hidden(word)


def arguments(words: Sequence[str]) -> str:
    """The value of `arguments`."""
    return '"' + " ".join(map(argument, words)) + '"'


def environment(variables: Mapping[str, str]) -> str:
    """The value of `environment`, with the number that HTCondor gives the job."""
    parts = [argument(f"{name}={value}") for name, value in variables.items()]
    return '"' + " ".join([*parts, "THESIS_JOB_ID=$(ClusterId).$(ProcId)"]) + '"'


def unfit(text: str) -> str:
    """Why a text cannot travel in a submit description; nothing where it can."""
    if _CONTROL.search(text):
        return "a line end, or another control character, cannot travel to HTCondor"
    if _UNHIDEABLE.search(text):
        return "HTCondor would put something else for $$(…), $$NAME(…) and $(DOLLAR)"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is no proper text"
    return ""


def _problems(job: Submission) -> list[str]:
    problems = []
    for what, path in (("executable", job.executable), ("record", job.record)):
        wrong = _unfit_path(path)
        if wrong:
            problems.append(f"{what} {os.fspath(path)!r}: {wrong}")
    for own in filter(lambda one: one is not None, (job.id, job.sweep_id)):
        if not _ID.fullmatch(own or ""):
            problems.append(f"id {own!r}: letters, digits and . _ - only")
    for name, value in job.environment.items():
        wrong = unfit(value) if _VARIABLE.fullmatch(name) else "this is no name of a variable"
        if wrong:
            problems.append(f"variable {name}: {wrong}")
    return problems


def _unfit_path(path: Path) -> str:
    """A path stands without quotes, where outer blanks and a last backslash would be lost."""
    if not path.is_absolute():
        return "the path has to be absolute"
    for part in (os.fspath(path), os.fspath(path.parent)):
        if part != part.strip() or part.endswith("\\"):
            return "a blank or a backslash at the end of a path is lost on the way to HTCondor"
    return unfit(os.fspath(path))


def _plain(value: object) -> str:
    """A value without quotes."""
    return _hidden(str(value))


def _hidden(text: str) -> str:
    return _MACRO.sub("$(DOLLAR)", text)
