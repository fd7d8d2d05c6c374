"""The trainings of a comparison: which there are, which are done, and the sweep of the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.config.draft import key_of
from engine.config.paths import make_paths_absolute
from engine.errors import ConfigError
from engine.library.summary import RunSummary
from engine.preflight.past import Past, settings
from engine.preflight.points import CheckedPoint, make_points

LOOPS = ("ae", "gan_ae", "diffusion_ae")
ENCODERS = ("mlp", "gnn")
LATENT_SPACES = ("none", "linear", "vq")

_CHOSEN = ("loop", "phase1/encoder", "phase1/latent_space")
_SEED, _EPOCHS = "phase1.trainer.seed", "phase1.trainer.epochs"


class Combination(NamedTuple):
    """A row of the table: what is trained with every seed."""

    loop: str
    encoder: str
    latent_space: str


@dataclass(frozen=True)
class Choices:
    """What is compared, and how long each is trained."""

    loops: Sequence[str] = LOOPS
    encoders: Sequence[str] = ENCODERS
    latent_spaces: Sequence[str] = LATENT_SPACES
    epochs: int = 10
    seeds: int = 3
    """How many: 1, 2 and so on."""
    overrides: Sequence[str] = ()
    """Those of all trainings."""
    config_dirs: Sequence[Path] = ()
    """Further folders with config groups."""

    def check(self) -> None:
        """Raise a `ConfigError` that lists what makes no comparison."""
        taken = {**dict.fromkeys(_CHOSEN), _SEED: "--seeds", _EPOCHS: "--epochs"}
        options = ("--loops", "--encoders", "--latent-spaces")
        taken |= dict(zip(_CHOSEN, options, strict=True))
        problems = [
            f"{text}: {taken[key_of(text)]} says it for a comparison"
            for text in self.overrides
            if key_of(text) in taken
        ]
        numbers = {"--epochs": self.epochs, "--seeds": self.seeds}
        problems += [f"{name} {n}: must be at least 1" for name, n in numbers.items() if n < 1]
        lists = zip(options, (self.loops, self.encoders, self.latent_spaces), strict=True)
        problems += [f"{name}: name at least one" for name, values in lists if not values]
        if problems:
            raise ConfigError.from_problems(problems)

    def sweep(self, values: Sequence[Sequence[Any]]) -> list[str]:
        """The overrides of a sweep over loops, encoders, latent spaces and seeds."""
        keys = (*_CHOSEN, _SEED)
        lists = [
            f"{key}={','.join(map(str, these))}" for key, these in zip(keys, values, strict=True)
        ]
        return [*self.overrides, f"{_EPOCHS}={self.epochs}", *lists]

    def values(self) -> tuple[Sequence[Any], ...]:
        """What is combined: loops, encoders, latent spaces, seeds."""
        return self.loops, self.encoders, self.latent_spaces, range(1, self.seeds + 1)


@dataclass
class Training:
    """One run of a comparison."""

    combination: Combination
    seed: int
    cfg: Any
    run: RunSummary | None = None
    """The newest run with an equal config, a finished one before others; None if there is none."""

    @property
    def is_done(self) -> bool:
        """Whether it has run to its end."""
        return self.run is not None and self.run.state == "finished"


@dataclass
class Plan:
    """All trainings of a comparison."""

    choices: Choices
    trainings: list[Training] = field(default_factory=list)
    left_out: dict[Combination, str] = field(default_factory=dict)
    """Combinations that the config refuses, or that have no events, and why."""

    @property
    def root(self) -> Path:
        """The output root."""
        return Path(self.trainings[0].cfg.env.output_root)

    def find_runs(self) -> None:
        """Look for the runs of the trainings below the output root."""
        past = Past(str(self.root))
        for training in self.trainings:
            equal = past.twins(settings(training.cfg)).equal
            finished = [run for run in equal if run.state == "finished"]
            training.run = next(iter(finished or equal), None)

    def sweep_of_missing(self) -> list[str]:
        """The overrides of a sweep of those that are not done; none where all are."""
        missing = [(*one.combination, one.seed) for one in self.trainings if not one.is_done]
        if not missing:
            return []
        columns = zip(self.choices.values(), map(set, zip(*missing, strict=True)), strict=True)
        values = [[one for one in every if one in wanted] for every, wanted in columns]
        # Hydra numbers the points in this order, and the last value changes fastest.
        points = list(itertools.product(*values))
        out = [number for number, point in enumerate(points) if point not in set(missing)]
        leave_out = [f"hydra.sweeper.leave_out={out}".replace(" ", "")] if out else []
        return [*self.choices.sweep(values), "hydra.job.name=comparison", *leave_out]


def make_plan(choices: Choices) -> Plan:
    """What is to be trained for these choices; no run is looked for yet.

    Raises
    ------
    ConfigError
        If the choices are none, the overrides are wrong, or every combination is refused.
    """
    choices.check()
    plan, values = Plan(choices), choices.values()
    points, problems = make_points(choices.sweep(values), choices.config_dirs, multirun=True)
    if not any(point.cfg is not None for point in points) and problems:
        raise ConfigError.from_problems([" ".join(one.text.split()) for one in problems])
    if len(points) != len(list(itertools.product(*values))):
        raise ConfigError("a comparison has one value for each override of all its trainings")
    for point, (*names, seed) in zip(points, itertools.product(*values), strict=True):
        combination = Combination(*names)
        why_not = " ".join(_reasons(point)) if point.cfg is None else _no_events(point.cfg)
        if why_not or point.cfg is None:
            plan.left_out.setdefault(combination, why_not)
            continue
        make_paths_absolute(point.cfg)
        plan.trainings.append(Training(combination, seed, point.cfg))
    if not plan.trainings:
        raise ConfigError.from_problems(list(dict.fromkeys(plan.left_out.values())))
    return plan


def _no_events(cfg: Any) -> str:
    """Why a training cannot be compared with predicting the mean of an event's objects."""
    source = cfg.data.get("source")
    return "" if source == "h5" else f"loop={cfg.loop}: data.source={source} has no events"


def _reasons(point: CheckedPoint) -> Iterator[str]:
    """Why the config refuses a point, in a line each."""
    yield from (" ".join(problem.text.split()) for problem in point.problems)
    if not point.problems:
        yield point.error
