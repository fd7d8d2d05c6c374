"""A comparison as a page of Markdown, and as records for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.comparison.measures import AREA_ERROR, is_share
from engine.comparison.origins import Origin, Origins, warning
from engine.comparison.plan import Combination, Plan
from engine.comparison.table import Row, columns_of
from engine.facts.words import count
from engine.report.markdown import code, escape
from engine.tables.cells import Spread, show

FORMAT = 1
WORSE = "†"
"""Behind a number that is worse than that of the baseline."""

_TITLES = {"val_loss": "val_loss", "n_parameters": "parameters", "events_per_s": "events/s"}
_ENDS = ("n_parameters", "events_per_s")
"""Columns behind all others."""

SUPERVISED = "test_mlp"
"""The loop whose score has been told what is signal."""


@dataclass(frozen=True)
class Comparison:
    """All that is told of a comparison."""

    plan: Plan
    rows: list[Row]
    units: Mapping[str, str]
    """Column of an error to its unit."""
    signal: str | None
    """The class that is told from all others; None without labels, or with several signals."""
    others: Sequence[str]
    """The classes of the background."""
    command: str
    """By which it was made."""
    day: str
    """On which the last of the runs ended."""
    origins: Origins
    """With what they were trained."""
    measured_with: Origin
    """With what their errors and scores were measured."""
    trained_on: Mapping[str, int] = field(default_factory=dict)
    """Class to its events in the training split; empty without labels."""

    def columns(self) -> list[str]:
        """The names of the numbers, in the order of the table."""
        found = columns_of(self.rows)
        return [name for name in found if name not in _ENDS] + [n for n in _ENDS if n in found]

    def record(self) -> dict[str, Any]:
        """The content of `comparison.json`."""
        left_out = [
            {**combination._asdict(), "reason": reason}
            for combination, reason in self.plan.left_out.items()
        ]
        told: dict[str, Any] = {"format": FORMAT, "command": self.command, "made": self.day}
        origins = self.origins.items()
        told["trained_with"] = [one._asdict() | {"runs": names} for one, names in origins]
        told["measured_with"] = self.measured_with._asdict()
        told |= {"epochs": self.plan.choices.epochs, "seeds": self.plan.choices.seeds}
        told |= {
            "trained_on": dict(self.trained_on),
            "units": dict(self.units),
            "signal": self.signal,
            "background": list(self.others),
        }
        return told | {"rows": [row.record() for row in self.rows], "left_out": left_out}

    def markdown(self) -> str:
        """The page."""
        return "\n\n".join(filter(None, self._blocks())) + "\n"

    def _blocks(self) -> Iterable[str]:
        yield "# Comparison of models"
        yield f"Made by {code(self.command)}; {self._made()}. Nothing here is typed by hand."
        mixed = warning(self.origins)
        if mixed:
            yield f"**{escape(mixed[0])}**"
            yield "\n".join(f"- {escape(line)}" for line in mixed[1])
        yield "\n".join(self._table())
        yield "\n".join(f"- {line}" for line in self._legend())
        if self.plan.left_out:
            yield "## Left out"
            yield "\n".join(_left_out(self.plan.left_out))

    def _table(self) -> Iterable[str]:
        columns = [name for name in self.columns() if not name.startswith(AREA_ERROR)]
        titles = ["loop", "encoder", "latent space", *map(self._title, columns), "runs"]
        yield _line(titles)
        yield _line(["---"] * 3 + ["---:"] * len(columns) + ["---"])
        for row in self.rows:
            names = [row.loop, row.encoder, row.latent_space]
            numbers = [_number(row, name) for name in columns]
            yield _line([*map(escape, names), *numbers, escape(row.state)])

    def _title(self, column: str) -> str:
        if column.startswith("error_"):
            unit = self.units.get(column)
            return escape(column.removeprefix("error_") + (f" [{unit}]" if unit else ""))
        if column.startswith("auroc_"):
            return escape(f"AUROC {column.removeprefix('auroc_')}")
        return escape(_TITLES.get(column, "types" if is_share(column) else column))

    def _made(self) -> str:
        """When, and with what."""
        told = [self.day]
        if len(self.origins) == 1:
            told += [f"trained with {origin}" for origin in self.origins]
        if self.origins and [self.measured_with] != list(self.origins):
            told.append(f"measured with {self.measured_with}")
        return escape("; ".join(told))

    def _legend(self) -> Iterable[str]:
        yield self._of_seeds()
        yield (
            "`val_loss` is the loss of the loop, and compares within a loop only. Of each feature "
            "it is the mean absolute error over the objects of the test split; *types* is the "
            "share of objects whose type is right."
        )
        yield from self._of_areas()
        yield from self._of_errors()
        yield from self._of_training()
        yield from self._against_the_mean()
        yield (
            "*parameters* are those of all networks, the adversaries of `gan_ae` and the codes of "
            "`vq` among them."
        )
        yield "*events/s* is that of training, beside whatever else the machine did."
        models = [row for row in self.rows if not row.is_baseline]
        worse = [row for row in models if row.worse]
        if worse:
            yield f"{WORSE} worse than predicting the mean: {len(worse)} of {len(models)} rows."
        elif all(self._is_whole(row) for row in models):
            yield "No row is worse than predicting the mean in its loss or its reconstruction."

    def _of_seeds(self) -> str:
        choices = self.plan.choices
        weights = f"The best weights of {count(choices.epochs, 'epoch')}"
        if choices.seeds == 1:
            return f"{weights}, seed 1."
        return f"{weights}, seeds 1 to {choices.seeds}: mean ± standard deviation over the runs."

    def _of_areas(self) -> Iterable[str]:
        """Which classes the areas tell apart."""
        if self.signal is None:
            return
        others, one = escape(" + ".join(self.others)), escape(self.signal)
        yield (
            f"*AUROC {one}* is that of {one} against {others}, by the first score of the loop, the "
            f"one that its runs are judged by; the others are each of one class against {one}, by "
            "the same score. 0.5 is chance."
        )
        if any(row.loop == SUPERVISED for row in self.rows):
            yield (
                f"The score of `{SUPERVISED}` is the probability that an event is {one}: the other "
                f"classes against {one} are then below 0.5, the further the better."
            )

    def _of_errors(self) -> Iterable[str]:
        """How well the areas are known from so many test events."""
        errors: dict[str, float] = {}
        for row in self.rows:
            for column, number in row.numbers.items():
                if column.startswith(AREA_ERROR):
                    name = column.removeprefix(AREA_ERROR)
                    errors[name] = max(number.mean, errors.get(name, 0.0))
        if errors:
            spread = "" if self.plan.choices.seeds == 1 else "± is the spread over the seeds. "
            told = ", ".join(f"{escape(name)} {error:.3f}" for name, error in errors.items())
            yield (
                f"{spread}The number of test events alone leaves an AUROC uncertain by up to: "
                f"{told} (DeLong, the largest of the column). All rows are measured on the same "
                "events, so that the difference of two is less uncertain than that of independent "
                "numbers."
            )

    def _of_training(self) -> Iterable[str]:
        """Which classes are usual in training, as a score without labels takes these for usual."""
        if not self.trained_on:
            return
        events = ", ".join(f"{escape(name)} {n:,}" for name, n in self.trained_on.items())
        usual = max(self.trained_on, key=lambda name: self.trained_on[name])
        expected = (
            f": {escape(usual)} is the most usual of them, so that a score without labels has no "
            "reason to take it for unusual"
        )
        yield (
            f"Training takes the events of all classes ({events})"
            f"{expected if usual == self.signal else ''}."
        )

    def _against_the_mean(self) -> Iterable[str]:
        """How many of the scores are worth more than that of a model that learned nothing."""
        area, error = f"auroc_{self.signal}", f"{AREA_ERROR}{self.signal}"
        rows = [row for row in self.rows if {area, error} <= row.numbers.keys()]
        means = {row.loop: row for row in rows if row.is_baseline}
        models = [row for row in rows if not row.is_baseline and row.loop in means]
        if models:
            better = [row for row in models if _gain(row, means[row.loop], area, error) > 2]
            told = f"{len(better) or 'none'} of {len(models)} rows"
            yield (
                "Predicting the mean, which has learned nothing of an event, has a score as well: "
                f"{told} {'tells' if len(better) < 2 else 'tell'} {escape(self.signal or '')} from "
                "the others better than it by more than twice the statistical error."
            )

    def _is_whole(self, row: Row) -> bool:
        """Whether all of its runs have finished, with every number that the baseline has."""
        (baseline,) = [one for one in self.rows if one.is_baseline and one.loop == row.loop]
        return (
            len(row.runs) == self.plan.choices.seeds
            and baseline.numbers.keys() <= row.numbers.keys()
        )


def _gain(row: Row, mean: Row, area: str, error: str) -> float:
    """By how many statistical errors an area is larger than that of predicting the mean."""
    gain = row.numbers[area].mean - mean.numbers[area].mean
    return gain / max(math.hypot(row.numbers[error].mean, mean.numbers[error].mean), 1e-9)


def _number(row: Row, name: str) -> str:
    value = row.numbers.get(name)
    if value is None:
        return "-"
    return _shown(name, value) + (f" {WORSE}" if name in row.worse else "")


def _shown(name: str, value: Spread) -> str:
    if name in _ENDS:
        return f"{value.mean:,.0f}" + (f" ± {value.std:,.0f}" if value.std else "")
    return show("metric", value)


def _left_out(left_out: Mapping[Combination, str]) -> Iterable[str]:
    """A line for each reason, with the combinations that it keeps out."""
    reasons: dict[str, list[Combination]] = {}
    for combination, reason in left_out.items():
        reasons.setdefault(reason, []).append(combination)
    for reason, combinations in reasons.items():
        named = "; ".join(", ".join(combination) for combination in combinations)
        yield f"- {escape(named)}: {escape(reason)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
