"""The runs of a sweep on a cluster, each once, so that anybody can finish its submission."""

from __future__ import annotations

import itertools
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import FactsError
from engine.facts.files import as_facts_error, open_own, replace_file
from engine.facts.records import is_id
from engine.facts.sweep_dir import SweepDir
from engine.launch.job import JobHandle
from engine.launch.sweep_names import own_name

MOST_BYTES = 1 << 26
"""Of the largest file that is read."""

_Given = TypeVar("_Given")
_NAME = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep."""

    number: int
    """Its place in the sweep, from 0."""
    id: str
    """Of its record, by which its job is found again."""
    name: str
    """Of its directory."""
    overrides: tuple[str, ...]


def runs_folder(sweep: Path) -> Path:
    """Where the runs of a sweep lie: `runs/` beside `multiruns/`, else the sweep's own folder."""
    return sweep.parent.with_name("runs") if sweep.parent.name == "multiruns" else sweep


def sweep_of(job: JobHandle) -> SweepDir | None:
    """The sweep of a run that is submitted with all others of it; None for one that is not.

    Who waits for a sweep, as `hydra/launcher=htcondor` does, submits its runs one by one.
    """
    place = SweepDir(Path(job.sweep_dir)) if job.sweep_dir and job.kind == "run" else None
    return place if place and place.runs.exists() else None


def planned(sweep: Path, words: Sequence[tuple[str, ...]]) -> list[SweepRun]:
    """The runs of a new sweep, with names as every sweep gives them, and ids of their own."""
    folder = runs_folder(sweep)
    taken = set(os.listdir(folder)) if folder.is_dir() else set()
    stem = f"run_{own_name(sweep.name) or sweep.name}_job"
    return [
        SweepRun(number, uuid.uuid4().hex, _free(f"{stem}{number}", taken), tuple(overrides))
        for number, overrides in enumerate(words)
    ]


def _free(name: str, taken: set[str]) -> str:
    names = (name if n == 1 else f"{name}_{n}" for n in itertools.count(1))
    return next(one for one in names if one not in taken)


def write_runs(place: SweepDir, runs: Sequence[SweepRun]) -> None:
    """Write the runs of a sweep, whole, so that they outlive a power cut.

    Raises
    ------
    FactsError
        If they cannot be written.
    """
    lines = [
        json.dumps({"id": run.id, "name": run.name, "overrides": run.overrides}) for run in runs
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    replace_file(place.runs, lambda handle: handle.write(data))


def read_runs(place: SweepDir) -> list[SweepRun]:
    """The runs of a sweep; nothing is done that the file, which may be anybody's, asks for.

    Raises
    ------
    FactsError
        If it is not there, or damaged.
    """
    return _read_lines(place.runs, "the runs", _run)


def _read_lines(path: Path, what: str, read: Callable[[int, str], _Given]) -> list[_Given]:
    with as_facts_error(path, "read"), open(open_own(path), "rb") as file:
        data = file.read(MOST_BYTES + 1)
    try:
        if len(data) > MOST_BYTES:
            raise ValueError
        return [read(number, line) for number, line in enumerate(data.decode().splitlines())]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FactsError(f"{path} is damaged", f"It should list {what} of a sweep.") from error


def _run(number: int, line: str) -> SweepRun:
    told = json.loads(line)
    run = SweepRun(number, told["id"], told["name"], tuple(told["overrides"]))
    texts = (run.id, run.name, *run.overrides)
    plain = all(isinstance(text, str) for text in texts) and _NAME.fullmatch(run.id)
    if not plain or run.name != os.path.basename(run.name) or run.name in ("", ".", ".."):
        raise ValueError(line)
    return run


def write_clusters(place: SweepDir, clusters: Iterable[Sequence[str]]) -> None:
    """Write which runs of a sweep were sent as one cluster: their ids, in the order of its jobs.

    Raises
    ------
    FactsError
        If they cannot be written.
    """
    data = "".join(f"{json.dumps(list(ids))}\n" for ids in clusters).encode()
    replace_file(place.clusters, lambda handle: handle.write(data))


def read_clusters(place: SweepDir) -> list[list[str]]:
    """What `write_clusters` wrote; nothing where no runs were sent like that.

    Raises
    ------
    FactsError
        If it cannot be read, or is damaged.
    """
    if not os.path.lexists(place.clusters):
        return []
    return _read_lines(place.clusters, "the clusters", _ids)


def _ids(number: int, line: str) -> list[str]:
    ids = json.loads(line)
    if not (isinstance(ids, list) and all(map(is_id, ids))):
        raise ValueError(line)
    return ids


def has_plain_names(runs: Sequence[SweepRun]) -> bool:
    """Whether the names are of letters, digits and `. _ -` alone, so that they need no quotes."""
    return all(_NAME.fullmatch(run.name) for run in runs)
