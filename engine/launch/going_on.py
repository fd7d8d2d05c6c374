"""What holds for every launcher that lets a run go on in its own directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError, EngineError
from engine.facts.records import read_record
from engine.facts.run_dir import RunDir
from engine.facts.verdict import CUT_OFF
from engine.launch.record import earlier_starts, read_job

if TYPE_CHECKING:
    from engine.library.summary import RunSummary


def check_is_over(run_dir: RunDir) -> None:
    """Raise a `ConfigError` if a run is under way, or its record may not be replaced.

    Of one that lives as far as its log tells, whose end may be lost, the scheduler is asked.
    """
    from engine.facts.state import UNDER_WAY
    from engine.launch.condor.over import as_told, check_job_is_over
    from engine.library.examine import summarise

    summary = as_told(run_dir, summarise(run_dir.path))
    if summary.state is None or run_dir.launch.is_symlink():
        raise ConfigError(f"{run_dir.path}: {summary.problem or 'its launch.json is a link'}")
    if summary.state in UNDER_WAY:
        told = f"{run_dir.run_id} is {summary.state}: {summary.sentence}"
        raise ConfigError(told, way_out(run_dir, summary))
    check_job_is_over(run_dir, summary)


def way_out(run_dir: RunDir, summary: RunSummary) -> str:
    """What somebody can do who wants to go on with a run that is under way."""
    name = run_dir.run_id
    if summary.cause != CUT_OFF:
        return f"engine stop {name} ends it."
    return (
        f"engine resume {name} --take-over goes on with it here, and its job does not begin again;"
        f" engine jobs remove {name} ends it."
    )


def entries_before(run_dir: RunDir) -> dict[str, Any]:
    """The entries of the record before that hold for every start of a run, and its own start.

    What its last job asked a cluster for is what the next one asks for, wherever it trains between.
    And how long the events are: as long as they have not grown the new start has not begun.
    """
    size = {"events_size": _size(run_dir)}
    try:
        before, entries = read_job(run_dir.launch), read_record(run_dir.launch)
    except EngineError:
        return size
    if before is None or entries is None:
        return size
    known = {name: getattr(before, name) for name in ("parent", "sweep_id", "sweep_dir")}
    known["resources"] = entries.get("resources")
    kept = {name: value for name, value in known.items() if value is not None}
    return kept | size | {"earlier": earlier_starts(entries)}


def _size(run_dir: RunDir) -> int | None:
    try:
        return os.stat(run_dir.events).st_size
    except FileNotFoundError:
        return 0
    except OSError:
        return None
