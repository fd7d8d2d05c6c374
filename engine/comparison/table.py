"""The rows of a comparison: means and spreads over seeds, beside the trivial baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.comparison.measures import is_of_reconstruction, is_share
from engine.comparison.plan import Combination, Plan, Training
from engine.library.summary import RunSummary, best_val_loss
from engine.tables.cells import Spread
from engine.tables.groups import spread

BASELINE = "predict the mean"

Numbers = dict[str, float]


@dataclass
class Row:
    """A combination of components, or the baseline of a loop."""

    loop: str
    encoder: str
    latent_space: str
    numbers: dict[str, Spread]
    state: str
    """How many of its runs are in the numbers, and what became of the others."""
    runs: list[str] = field(default_factory=list)
    """Names of the runs that are in the numbers."""
    worse: list[str] = field(default_factory=list)
    """Numbers of the reconstruction in which it is worse than the baseline."""

    @property
    def is_baseline(self) -> bool:
        """Whether it is no model."""
        return self.encoder == BASELINE

    def record(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        numbers = {name: value._asdict() for name, value in self.numbers.items()}
        names = ("loop", "encoder", "latent_space", "state", "runs", "worse")
        return {name: getattr(self, name) for name in names} | {"numbers": numbers}


def make_rows(
    plan: Plan, evaluated: Mapping[str, Numbers], baselines: Mapping[str, Numbers]
) -> list[Row]:
    """The rows in the order of the plan, those of a loop behind its baseline.

    Parameters
    ----------
    evaluated
        Path of a finished run to its `measures`.
    baselines
        Loop to the `measures` of predicting the mean.
    """
    rows: list[Row] = []
    for loop in dict.fromkeys(training.combination.loop for training in plan.trainings):
        of_loop = [one for one in plan.trainings if one.combination.loop == loop]
        first = _baseline_row(loop, of_loop, baselines[loop])
        rows.append(first)
        for combination in dict.fromkeys(training.combination for training in of_loop):
            same = [one for one in of_loop if one.combination == combination]
            rows.append(_row(combination, same, evaluated))
            rows[-1].worse = _worse(rows[-1], first)
        first.numbers = _measured_too(first.numbers, of_loop, evaluated)
    return rows


def _measured_too(
    baseline: dict[str, Spread], of_loop: list[Training], evaluated: Mapping[str, Numbers]
) -> dict[str, Spread]:
    """The baseline without what no evaluated model of its loop has: it may reconstruct nothing."""
    told = [evaluated[one.run.path] for one in of_loop if one.run and one.run.path in evaluated]
    known = {"val_loss"}.union(*told)
    return {name: one for name, one in baseline.items() if name in known} if told else baseline


def columns_of(rows: Iterable[Row]) -> list[str]:
    """The names of all numbers, in the order in which they come first."""
    return list(dict.fromkeys(name for row in rows for name in row.numbers))


def _row(combination: Combination, same: list[Training], evaluated: Mapping[str, Numbers]) -> Row:
    done = [one.run for one in same if one.run is not None and one.is_done]
    told = [{**_of_run(run), **evaluated.get(run.path, {})} for run in done]
    names = dict.fromkeys(name for numbers in told for name in numbers)
    spreads = {name: spread([numbers.get(name) for numbers in told]) for name in names}
    known = {name: value for name, value in spreads.items() if value is not None}
    return Row(*combination, known, _state(same), [run.name for run in done])


def _of_run(run: RunSummary) -> dict[str, float | None]:
    """What the facts of a run tell."""
    told = {name.removeprefix("test_"): value for name, value in run.results.items()}
    errors = {name: told[name] for name in told if is_of_reconstruction(name)}
    size_and_speed = {"n_parameters": run.n_parameters, "events_per_s": run.throughput}
    return {"val_loss": best_val_loss(run), **errors, **size_and_speed}


def _baseline_row(loop: str, of_loop: list[Training], baseline: Mapping[str, float]) -> Row:
    """Predicting the mean; its loss is that of the loop, which its runs have told."""
    told = [one.run.results.get("baseline_val_loss") for one in of_loop if one.run and one.is_done]
    numbers = {"val_loss": spread(told[:1])} | {name: spread([n]) for name, n in baseline.items()}
    known = {name: value for name, value in numbers.items() if value is not None}
    return Row(loop, BASELINE, "", known, "")


def _state(same: list[Training]) -> str:
    """`3 of 3`, or what became of the runs that did not finish, with the reason of the first."""
    states = Counter(one.run.state or "broken" if one.run else "not trained" for one in same)
    told = [f"{states.pop('finished', 0)} of {len(same)}"]
    told += [f"{number} {state}" for state, number in states.most_common()]
    why = next((one.run.sentence for one in same if one.run and not one.is_done), "")
    return ", ".join(told) + (f": {why}" if why else "")


def _worse(row: Row, baseline: Row) -> list[str]:
    """The numbers of the reconstruction whose mean is worse than that of the baseline."""
    both = [one for one in row.numbers if one in baseline.numbers and is_of_reconstruction(one)]
    differences = {one: row.numbers[one].mean - baseline.numbers[one].mean for one in both}
    return [one for one, more in differences.items() if (-more if is_share(one) else more) > 0]
