"""Whether a directory is that of one run, and holds nothing else that somebody may miss.

Other folders can have one named `facts`, or a `launch.json`, too: a thesis, a Python package, or
the settings of an editor.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import FactsError

if TYPE_CHECKING:
    from engine.facts.run_dir import RunDir

_BESIDE = re.compile(r"\.(?P<name>.+?)(?:\.[0-9a-f]+)?\.tmp|\.nfs[0-9a-f]+", re.ASCII)
"""What a writer that was killed, or a file server, leaves beside a file."""


def doubt_about(path: Path) -> str | None:
    """Why a directory may be something else than one run; None if it is one, and ours to remove."""
    from engine.facts.run_dir import RunDir
    from engine.library.find import look_at

    if look_at(str(path)) is None:
        return "it is no run directory"
    run_dir = RunDir(path)
    try:
        strange = next(_strange(run_dir), None)
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    if strange:
        return f"{strange} is no file of a run"
    if not _tells_of_a_run(run_dir):
        return "nothing in it tells of a run"
    inner = _run_inside(path)
    if inner:
        return f"it holds another run, {inner}"
    closed = _not_ours(path)
    return f"you may not change {closed}" if closed else None


def _strange(run_dir: RunDir) -> Iterator[str]:
    """What neither a training nor a launcher writes, seen from the run directory."""
    from engine.launch.condor.submit import ERR, OUT
    from engine.launch.record import lock_of

    folders = {run_dir.hydra, run_dir.facts, run_dir.figures, run_dir.attempts}
    files = {run_dir.best, run_dir.last, run_dir.model, run_dir.log, run_dir.launch}
    files |= {run_dir.stop, run_dir.labels, run_dir.evaluation, run_dir.job_log}
    files |= {run_dir.submit_lock, lock_of(run_dir.launch), run_dir.path / OUT, run_dir.path / ERR}
    yield from _strange_in(run_dir.path, {known.name for known in folders | files})
    if run_dir.facts.is_dir():
        known = {run_dir.events.name, run_dir.scalars.name}
        yield from (f"{run_dir.facts.name}/{name}" for name in _strange_in(run_dir.facts, known))


def _strange_in(folder: Path, known: set[str]) -> Iterator[str]:
    for name in sorted(os.listdir(folder)):
        beside = _BESIDE.fullmatch(name)
        if name not in known and not (beside and beside["name"] in {*known, None}):
            yield name


def _tells_of_a_run(run_dir: RunDir) -> bool:
    """Whether a training, or a launcher, left its mark: an empty `facts/` is anybody's."""
    hydra = (run_dir.hydra / name for name in ("config.yaml", "overrides.yaml"))
    return (
        any(file.is_file() for file in hydra)
        or _is_record(run_dir.launch, ("run_id", "command"))
        or _has_attempt(run_dir)
        or _has_event(run_dir)
    )


def _is_record(path: Path, keys: tuple[str, ...]) -> bool:
    from engine.facts.records import read_record

    try:
        record = read_record(path) or {}
    except FactsError:
        return False
    return any(key in record for key in keys)


def _has_attempt(run_dir: RunDir) -> bool:
    from engine.facts.attempts import newest_attempt

    attempt = newest_attempt(run_dir)
    return attempt is not None and attempt.pid is not None


def _has_event(run_dir: RunDir) -> bool:
    """Whether one of the first lines of the events is one."""
    from engine.facts.parse import parse_event
    from engine.facts.tail import Tail

    try:
        lines = Tail(run_dir.events).read().lines
    except FactsError:
        return False
    return any(parse_event(line) for line in lines)


def _run_inside(path: Path) -> Path | None:
    """A run directory inside of another directory, if there is one; links are not followed."""
    from engine.library.find import look_at

    folders = (Path(folder, name) for folder, names, _ in os.walk(path) for name in names)
    return next((inner for inner in folders if look_at(str(inner))), None)


def _not_ours(path: Path) -> Path | None:
    """The first folder, from the one around the run on, in which nothing may be deleted."""
    inner = (Path(folder, name) for folder, names, _ in os.walk(path) for name in names)
    for folder in (path.parent, path, *inner):
        if not folder.is_symlink() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return folder
    return None
