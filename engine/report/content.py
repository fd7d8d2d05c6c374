"""What a report says of runs, before it is written down."""

from __future__ import annotations

import re
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
from engine.report.draw import N_TOLD
from engine.report.grid import Entry, Grid, run_entry, runs_text
from engine.report.own_figures import OwnFigures, own_figures
from engine.report.settings import (
    Differences,
    config_tables,
    environment_tables,
    telling_settings,
)
from engine.tables import units
from engine.tables.commands import train_command
from engine.tables.groups import differing_keys, seed_groups
from engine.tables.legend import legend_names

_LONGEST = 200
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_TROUBLED = ("failed", "lost", None)
"""States whose sentence is told in a report of several runs, too."""


@dataclass(frozen=True)
class Remarks:
    """What somebody wrote about a run, what became of it, and what is wrong with it."""

    run: int
    state: str
    """Its state, in a sentence; of several runs for those that failed or were lost."""
    note: str
    problem: str


@dataclass(frozen=True)
class Report:
    """All that is on a page; texts come from files and are not escaped yet.

    Several runs are in the order of their best validation loss, and are numbered so.
    """

    title: str
    made: str
    """When."""
    headline: str
    """What came of it, in a sentence; empty where there is no loss yet."""
    names: list[str]
    """One for each run."""
    colours: list[int]
    legend: list[tuple[int, str]]
    """Colour and name of each group of runs that differ in the seed alone."""
    runs: Grid
    tags: list[tuple[str, str]]
    """Each tag, and the runs that have it."""
    remarks: list[Remarks]
    seeds: list[Grid]
    """Empty where no runs differ in the seed alone."""
    results: list[Grid]
    config: Differences
    """In what several runs differ that the table of the runs does not tell."""
    overrides: list[str]
    """Of a single run."""
    charts: Charts
    figures: OwnFigures
    """Of a single run."""
    checkout: str
    """What to type before any of the commands; empty where the runs are not of one commit."""
    commands: Grid
    """A run, and what to type to have it again."""
    environment: list[Grid]


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
    runs = _best_first(runs)
    names = legend_names(runs)
    alone = len(runs) == 1
    numbers = {id(run): index for index, run in enumerate(runs)}
    groups = tables.ordered(seed_groups(runs))
    members = [[numbers[id(run)] for run in group] for group in groups]
    colours = [VALIDATION] if alone else _colours(members)
    settings = telling_settings(runs)
    checkout, commands = _commands(runs)
    return Report(
        title=plain(title) if title else _title(runs),
        made=units.show_time(time.time() if now is None else now),
        headline=_headline(runs, names),
        names=names,
        colours=colours,
        legend=_legend(members, tables.group_names(groups), names),
        runs=tables.runs_table(runs, settings),
        tags=_tags(runs),
        remarks=[_remarks(index, run, alone) for index, run in enumerate(runs)],
        seeds=tables.seeds_tables(groups, members),
        results=tables.results_tables(runs),
        config=Differences([], []) if alone else config_tables(runs, settings),
        overrides=list(map(plain, runs[0].overrides)) if alone else [],
        charts=make_charts(runs, colours),
        figures=own_figures(runs[0].path) if alone else OwnFigures([], []),
        checkout=checkout,
        commands=commands,
        environment=environment_tables(runs, list(map(_start, runs))),
    )


def _best_first(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """By the best validation loss within each loop: losses of two loops have no order."""
    return [run for (run,) in tables.ordered([(run,) for run in runs])]


def _colours(members: Sequence[Sequence[int]]) -> list[int]:
    """One for each run: the number of its group."""
    colour_of = {index: colour for colour, indices in enumerate(members) for index in indices}
    return [colour_of[index] for index in range(len(colour_of))]


def _legend(
    members: Sequence[Sequence[int]], group_names: Sequence[str], names: Sequence[str]
) -> list[tuple[int, str]]:
    """Which runs have which colour; those in the background share an entry."""
    entries = [
        (colour, f"{runs_text(indices)} {names[indices[0]] if len(indices) == 1 else name}")
        for colour, (indices, name) in enumerate(zip(members, group_names, strict=True))
    ]
    others = [index for indices in members[N_TOLD:] for index in indices]
    if len(members) > N_TOLD + 1:
        entries[N_TOLD:] = [(N_TOLD, f"{runs_text(others)} the others")]
    return entries


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
    """Which run has the lowest loss, of those whose losses can be compared."""
    best = runs[0].numbers.get("val_loss")
    if best is None or not tables.comparable(runs):
        return ""
    at = f" at epoch {best.best_epoch}" if best.best_epoch is not None else ""
    test = runs[0].results.get("test_loss")
    tested = f"; test loss {units.show_number(test)}" if test is not None else ""
    which = "" if len(runs) == 1 else f": #1, {names[0]}"
    return f"Lowest validation loss {units.show_number(best.best)}{at}{which}{tested}."


def _tags(runs: Sequence[RunSummary]) -> list[tuple[str, str]]:
    """Each tag once, with the runs that have it."""
    tags = sorted({tag for run in runs for tag in run.tags})
    found = {tag: [i for i, run in enumerate(runs) if tag in run.tags] for tag in tags}
    everywhere = "" if len(runs) == 1 else "all runs"
    return [
        (plain(tag), everywhere if len(those) == len(runs) else runs_text(those))
        for tag, those in found.items()
    ]


def _remarks(index: int, run: RunSummary, alone: bool) -> Remarks:
    problem = plain(run.problem or "")
    if run.skipped:
        problem = "; ".join(filter(None, [problem, f"{run.skipped} damaged lines were skipped"]))
    if run.nonfinite:
        listed = ", ".join(map(plain, run.nonfinite[:20]))
        problem = "; ".join(filter(None, [problem, f"not finite in some epoch: {listed}"]))
    note = plain(run.note, keep_lines=True)
    is_told = alone or run.state in _TROUBLED
    return Remarks(index, plain(run.sentence or run.state or "") if is_told else "", note, problem)


def _commands(runs: Sequence[RunSummary]) -> tuple[str, Grid]:
    """What to type first for all runs, and for each; nothing for one that tells no config."""
    again = [(index, run, train_command(run)) for index, run in enumerate(runs)]
    told = [(index, _checkout(run), command) for index, run, command in again if command]
    commits = {checkout for _, checkout, _ in told}
    common = commits.pop() if len(commits) == 1 else ""
    rows = [
        [run_entry(index), Entry(f"{own} && {text}" if own and not common else text, code=True)]
        for index, own, text in told
    ]
    return common, Grid([Entry("run"), Entry("command")], rows)


def _checkout(run: RunSummary) -> str:
    commit = run.git_commit or ""
    return f"git checkout {commit}" if _COMMIT.fullmatch(commit) else ""


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
