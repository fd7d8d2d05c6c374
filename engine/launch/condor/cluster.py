"""How many jobs are described to HTCondor in one piece: pure functions.

What differs between them are names and ids of plain letters, which nothing can expand or quote.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from engine.errors import ConfigError
from engine.launch.condor.submit import Submission, description
from engine.launch.job import ID_VARIABLE

NAME, ID = "ThesisName", "ThesisRun"
"""Variables of the description: the name of a run directory, and the id in its record."""

_PLAIN = re.compile(r"[\w.-]+", re.ASCII)


def cluster_description(
    jobs: Sequence[Submission],
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The submit description of jobs that differ in name and id alone, and an item for each.

    Raises
    ------
    ConfigError
        If that is not so, or HTCondor would not take it as it is meant.
    """
    first = jobs[0]
    _check(first, jobs)
    folder = first.directory.parent
    known = [os.fspath(folder), os.fspath(first.executable), first.batch, first.sweep_id or ""]
    known += first.environment.values()
    known += [str(value) for value in asdict(first.resources).values()]
    name, own = _unlike("THESISNAME", known), _unlike("THESISRUN", known)
    described = description(
        replace(
            first,
            record=folder / name / first.record.name,
            id=own,
            environment={**first.environment, ID_VARIABLE: own},
        )
    )
    text = {
        command: value.replace(name, f"$({NAME})").replace(own, f"$({ID})")
        for command, value in described.items()
    }
    items = [{NAME: job.directory.name, ID: job.id} for job in jobs]
    return {**text, "max_materialize": str(first.resources.max_materialize)}, items


def jobs_of_clusters(
    sent: Iterable[Sequence[str]], known: Sequence[tuple[int, int, str]]
) -> dict[str, str]:
    """Id to number of each job of clusters that HTCondor has some jobs of: it takes them whole.

    Parameters
    ----------
    sent
        The ids of what was sent as a cluster, in the order of its jobs; each stands in one alone.
    known
        Cluster, number and id of jobs that HTCondor has, or had.
    """
    found = {}
    for ids in sent:
        clusters = [cluster for cluster, number, one in known if ids[number : number + 1] == [one]]
        for number, one in enumerate(ids if clusters else ()):
            found[one] = f"{clusters[0]}.{number}"
    return found


def _check(first: Submission, jobs: Sequence[Submission]) -> None:
    problems = []
    for job in jobs:
        if not (_PLAIN.fullmatch(job.directory.name) and _PLAIN.fullmatch(job.id)):
            problems.append(f"{job.directory.name!r}: letters, digits and . _ - only")
        if _common(job) != _common(first):
            problems.append(f"{job.directory.name}: it asks for something else than the others")
    if problems:
        raise ConfigError.from_problems(problems)


def _common(job: Submission) -> tuple[Path, Submission]:
    """What is the same for all jobs of a cluster."""
    variables = {name: job.environment[name] for name in job.environment if name != ID_VARIABLE}
    blank = replace(job, record=Path(job.record.name), id="", environment=variables)
    return job.directory.parent, blank


def _unlike(word: str, known: Iterable[str]) -> str:
    """A word that stands in none of the texts."""
    texts = list(known)
    while any(word in text for text in texts):
        word += "x"
    return word
