"""Everything about a command that trains, looked at without training."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config.compose import COMPOSE_ERRORS
from engine.config.paths import make_paths_absolute
from engine.config.problem_keys import Problem, keyed
from engine.config.saved import untrusted
from engine.errors import ConfigError
from engine.library.summary import RunSummary
from engine.preflight.past import Past, Twins, settings
from engine.preflight.places import Place, output_place
from engine.preflight.points import CheckedPoint, make_points
from engine.tables.groups import SEED
from engine.tables.units import show_number, show_size

FindLoop = Callable[[str], object]


@dataclass(frozen=True)
class Wish:
    """What is to be checked."""

    overrides: Sequence[str]
    config_dirs: Sequence[Path] = ()
    multirun: bool = False
    leave_out: Sequence[int] = ()
    """Points of the sweep that are no trainings."""
    at_once: int = 1
    """How many trainings of a sweep run at the same time."""
    trusted: Sequence[str] | None = None
    """Packages whose classes and loops may be called besides ours; None for any."""


@dataclass
class Report:
    """What there is to say."""

    points: list[CheckedPoint]
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    """What is good to know, and less than a warning."""
    models: list[Any] = field(default_factory=list)
    """Each a `models.Model`."""
    place: Place | None = None
    twins: dict[int, Twins] = field(default_factory=dict)
    """Number of a point to the runs that had its config."""
    needed_bytes: int | None = None
    """Of all checkpoints."""
    total_s: float | None = None
    """Until the last training has ended."""

    @property
    def is_sweep(self) -> bool:
        """Whether there are several trainings."""
        return len(self.points) > 1

    def model_of(self, point: CheckedPoint) -> Any:
        """The model of a point; None if it has none."""
        return next((model for model in self.models if point in model.points), None)

    def training_s(self, point: CheckedPoint) -> float | None:
        """Seconds of a whole training, if it ends with its last epoch; None if nobody knows."""
        model = self.model_of(point)
        if model is None or model.epoch_s is None or point.cfg is None:
            return None
        return float(point.cfg.phase1.trainer.epochs * model.epoch_s)


def check(wish: Wish, find_loop: FindLoop) -> Report:
    """Look at everything; what is wrong is in the report, and no error.

    Parameters
    ----------
    find_loop
        Gives the function of a loop, or raises a `ConfigError`.
    """
    try:
        points, problems = make_points(
            wish.overrides, wish.config_dirs, multirun=wish.multirun, leave_out=wish.leave_out
        )
    except COMPOSE_ERRORS as error:  # a config file that cannot be read, whatever is chosen
        points, problems = [], [Problem(None, " ".join(str(error).split()))]
    report = Report(points, problems)
    usable = [point for point in points if point.usable is not None]
    for point in usable:
        make_paths_absolute(point.usable)
        _look_at_code(point, wish.trusted, find_loop)
    if usable:
        flats = {point.number: settings(point.usable) for point in usable}
        report.place = output_place(usable[0].usable)
        past = Past(report.place.path if report.place else None)
        _look_at_past(report, flats, past)
        _look_at_models(report, usable, flats, past)
        _look_at_place(report)
    _estimate(report, wish.at_once)
    found = [*report.problems, *(p for point in points for p in point.problems)]
    report.problems = list(dict.fromkeys(found))
    return report


def _look_at_code(point: CheckedPoint, trusted: Sequence[str] | None, find_loop: FindLoop) -> None:
    """Find the loop; of a config of somebody else nothing is called that is not trusted."""
    cfg: Any = point.usable
    found = [] if trusted is None else untrusted(cfg, trusted)
    point.add(*map(keyed, found))
    if not found:
        try:
            find_loop(str(cfg.loop))
        except ConfigError as error:
            point.add(keyed(str(error), "loop"))
        except Exception as error:  # noqa: BLE001 - whatever a module of the user's raises
            text = " ".join(str(error).split())
            point.add(Problem("loop", f"loop={cfg.loop}: {type(error).__name__}: {text}"))
    if point.problems:
        point.cfg = None


def _look_at_past(report: Report, flats: dict[int, dict[str, Any]], past: Past) -> None:
    """Find past runs that did the same, and warn of them."""
    wanted = [point for point in report.points if point.cfg is not None]
    report.twins = {p.number: past.twins(flats[p.number]) for p in wanted}
    equal = {number: found.equal for number, found in report.twins.items() if found.equal}
    seeds = {n: t.other_seed for n, t in report.twins.items() if t.other_seed and not t.equal}
    if equal:
        text = f"an equal config already ran: {_runs_of(equal, report.is_sweep)}"
        report.warnings.append(Problem(None, text))
    if seeds:
        text = f"the same config with another seed ran: {_runs_of(seeds, report.is_sweep)}"
        report.remarks.append(Problem(SEED, text))


def _runs_of(found: dict[int, list[RunSummary]], is_sweep: bool, at_most: int = 3) -> str:
    """The runs of a single training, or the newest of each of the first points."""
    if not is_sweep:
        (runs,) = found.values()
        return names(runs, at_most)
    told = [f"{number} as {names(runs[:1])}" for number, runs in list(found.items())[:at_most]]
    more = f" and {len(found) - at_most} more" if len(found) > at_most else ""
    return ", ".join(told) + more


def _look_at_models(
    report: Report, points: Sequence[CheckedPoint], flats: dict[int, dict[str, Any]], past: Past
) -> None:
    """Build and try each model once; its problems are those of all points that train it."""
    from engine.preflight.models import Bench, group_by_model

    report.models = group_by_model(points, [flats[point.number] for point in points])
    bench = Bench(len(report.models))
    for model in report.models:
        model.like = past.like(flats[model.points[0].number])
        bench.look_at(model)
        for point in model.points:
            point.add(*model.problems)
        report.warnings += model.warnings
        report.remarks += model.remarks
    report.warnings = list(dict.fromkeys(report.warnings))
    report.remarks = list(dict.fromkeys(report.remarks))


def _look_at_place(report: Report) -> None:
    """Check that there is room for the checkpoints where they will be written."""
    if report.place is None:
        return
    if report.place.problem is not None:
        report.problems.append(report.place.problem)
    sizes = [
        len(model.points) * (model.trial.best_bytes + model.trial.last_bytes)
        for model in report.models
        if model.trial is not None
    ]
    report.needed_bytes = sum(sizes) if sizes else None
    free = report.place.free_bytes
    if free is not None and sum(sizes) > free:
        text = f"the checkpoints take {show_size(sum(sizes))}, and {show_size(free)} are free"
        report.warnings.append(Problem("env.output_root", f"{text} at {report.place.path}"))


def _estimate(report: Report, at_once: int) -> None:
    """Tell when the last of all trainings ends, where each is given the first free place."""
    times = [report.training_s(point) for point in report.points]
    if not times or any(time_s is None for time_s in times):
        return
    ends = [0.0] * max(1, at_once)
    for time_s in times:
        heapq.heapreplace(ends, ends[0] + (time_s or 0.0))
    report.total_s = max(ends)


def names(runs: Sequence[RunSummary], at_most: int = 3) -> str:
    """The first runs by name with their state, and how many more there are."""
    told = [f"{run.name} ({_outcome(run)})" for run in runs[:at_most]]
    more = f" and {len(runs) - at_most} more" if len(runs) > at_most else ""
    return ", ".join(told) + more


def _outcome(run: RunSummary) -> str:
    loss = run.numbers.get("val_loss")
    best = f", best val_loss {show_number(loss.best)}" if loss is not None else ""
    return f"{run.state or 'broken'}{best}"
