"""What a report says of runs, before it is written down."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import FactsError
from engine.facts.follow import EventFollower
from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.report import tables
from engine.report.charts import VALIDATION, Charts, make_charts
from engine.report.grid import Grid
from engine.report.own_figures import OwnFigures, own_figures
from engine.tables import units
from engine.tables.groups import differing_keys
from engine.tables.legend import legend_names

_LONGEST = 200
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class Remarks:
    """What people said about a run, and what is wrong with it."""

    run: int
    state: str
    """Its state, in a sentence."""
    tags: tuple[str, ...]
    note: str
    problem: str


@dataclass(frozen=True)
class Report:
    """All that is on a page; texts come from files and are not escaped yet."""

    title: str
    made: str
    """When."""
    headline: str
    """What came of it, in a sentence; empty where there is no loss yet."""
    names: list[str]
    """One for each run."""
    colours: list[int]
    runs: Grid
    seeds: Grid
    """Empty where no runs differ in the seed alone."""
    config: Grid
    """In what the runs differ; empty for a single one."""
    overrides: list[str]
    """Of a single run."""
    results: Grid
    charts: Charts
    figures: OwnFigures
    """Of a single run."""
    remarks: list[Remarks]
    commands: list[tuple[int, str]]
    """Number of a run, and what to type to have it again."""
    environment: Grid


def make_report(
    runs: Sequence[RunSummary], title: str | None = None, now: float | None = None
) -> Report:
    """The report on one run or several; they are read again, for their curves.

    Parameters
    ----------
    runs
        At least one.
    title
        What stands above; None makes one.
    now
        Unix seconds; None takes the clock.
    """
    names = legend_names(runs)
    alone = len(runs) == 1
    seeds, colours = tables.seeds_table(runs)
    colours = [VALIDATION] if alone else colours
    return Report(
        title=plain(title) if title else _title(runs),
        made=units.show_time(time.time() if now is None else now),
        headline=_headline(runs, names),
        names=names,
        colours=colours,
        runs=tables.runs_table(runs, names),
        seeds=seeds,
        config=Grid([], []) if alone else tables.config_table(runs),
        overrides=list(map(plain, runs[0].overrides)) if alone else [],
        results=tables.results_table(runs),
        charts=make_charts(runs, colours),
        figures=own_figures(runs[0].path) if alone else OwnFigures([], []),
        remarks=[_remarks(index, run) for index, run in enumerate(runs)],
        commands=[(i, text) for i, run in enumerate(runs) if (text := _commands(run))],
        environment=tables.environment_table(runs, list(map(_start, runs))),
    )


def _title(runs: Sequence[RunSummary]) -> str:
    if len(runs) == 1:
        return plain(runs[0].name)
    keys = [key.rsplit(".", 1)[-1] for key in differing_keys(runs)]
    sweeps = {run.sweep for run in runs}
    sweep = sweeps.pop() if len(sweeps) == 1 else None
    if sweep:
        return plain(f"{len(runs)} runs of {sweep}")
    about = f" by {keys[0]}" if len(keys) == 1 else ""
    return plain(f"{len(runs)} runs{about}")


def _headline(runs: Sequence[RunSummary], names: Sequence[str]) -> str:
    """Which run has the lowest loss."""
    results = [run.numbers.get("val_loss") for run in runs]
    known = [(r.best, index) for index, r in enumerate(results) if r is not None]
    if not known:
        return ""
    loss, index = min(known)
    number = results[index]
    at = f" at epoch {number.best_epoch}" if number and number.best_epoch is not None else ""
    test = runs[index].results.get("test_loss")
    tested = f"; test loss {units.show_number(test)}" if test is not None else ""
    which = "" if len(runs) == 1 else f": #{index + 1}, {names[index]}"
    return f"Lowest validation loss {units.show_number(loss)}{at}{which}{tested}."


def _remarks(index: int, run: RunSummary) -> Remarks:
    problem = plain(run.problem or "")
    if run.skipped:
        problem = "; ".join(filter(None, [problem, f"{run.skipped} damaged lines were skipped"]))
    if run.nonfinite:
        listed = ", ".join(map(plain, run.nonfinite[:20]))
        problem = "; ".join(filter(None, [problem, f"not finite in some epoch: {listed}"]))
    note = plain(run.note, keep_lines=True)
    sentence = plain(run.sentence or run.state or "")
    return Remarks(index, sentence, tuple(map(plain, run.tags)), note, problem)


def _commands(run: RunSummary) -> str:
    """What to type to train the same again; nothing for a run that tells no config."""
    if not run.config and not run.overrides:
        return ""
    commit = run.git_commit or ""
    lines = [f"git checkout {commit}"] if _COMMIT.fullmatch(commit) else []
    return "\n".join([*lines, shlex.join(["thesis-train", *map(plain, run.overrides)])])


def _start(run: RunSummary) -> dict[str, str]:
    """Versions and device, of the first event; nothing where it does not say."""
    try:
        records = EventFollower(run.path).poll(max_records=1).records
    except FactsError:
        return {}
    meta = records[0].get("meta") if records else None
    if not isinstance(meta, dict):
        return {}
    facts = {
        "thesis-ml": meta.get("engine_version"),
        "torch": meta.get("torch_version"),
        "Python": meta.get("python_version"),
        "device": meta.get("device"),
        "GPU": _gpu(meta.get("cuda_info")),
    }
    return {key: plain(text)[:_LONGEST] for key, text in facts.items() if isinstance(text, str)}


def _gpu(info: Any) -> str | None:
    """The entries of `cuda_info` in one line."""
    if isinstance(info, str):
        return info
    if not isinstance(info, Mapping):
        return None
    return ", ".join(f"{key} {value}" for key, value in info.items())
