"""The models of a command, each built and tried once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from engine.config.compose import missing_key
from engine.config.problem_keys import Problem, keyed
from engine.data.h5_shape import FileShape
from engine.errors import ConfigError, DataError, EngineError
from engine.evaluation.collect import rehearse
from engine.preflight.past import Like
from engine.preflight.points import CheckedPoint
from engine.preflight.start import data_problems
from engine.training_loops.device import is_out_of_memory, out_of_memory, resolve_device
from engine.training_loops.loading import Splits
from engine.training_loops.objective import NonFiniteLoss
from engine.training_loops.trial import LOOPS, Trial, loop_module, try_out
from engine.utils.seed import set_all_seeds

BUDGET_S = 0.8
"""Seconds of steps for one model; several share twice that."""

_OF_TRAINER = "phase1.trainer."
_MODEL_KEYS = ("phase1.trainer.accumulate_batches",)
"""Keys of the trainer that matter for what a step takes."""


@dataclass
class Model:
    """One model of a command, and the points that train it."""

    points: list[CheckedPoint]
    device: str | None = None
    trial: Trial | None = None
    data: FileShape | None = None
    """Of a file of events; None for other data."""
    meta: dict[str, Any] | None = None
    """What the data loader says."""
    like: Like | None = None
    is_tried: bool = True
    """False for a loop that does not say how its model is made."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    """What may matter, and stops nothing."""

    @property
    def cfg(self) -> Any:
        """The config of the first point."""
        return self.points[0].cfg or self.points[0].usable

    @property
    def epoch_s(self) -> float | None:
        """Seconds of an epoch: as it was tried, else as past runs took."""
        if self.trial is not None:
            return self.trial.epoch_s
        return self.like.median_s if self.like is not None else None


def group_by_model(
    points: Sequence[CheckedPoint], settings: Sequence[dict[str, Any]]
) -> list[Model]:
    """The points with a usable config, those of equal models together, in their order.

    Parameters
    ----------
    settings
        Of each point, flat; the trainer's do not matter, nor what a part of the loss counts.
    """
    groups: dict[str, Model] = {}
    for point, flat in zip(points, settings, strict=True):
        kept = {key: value for key, value in flat.items() if _is_of_model(key)}
        groups.setdefault(repr((point.cfg is not None, kept)), Model([])).points.append(point)
    return list(groups.values())


def _is_of_model(key: str) -> bool:
    if key.startswith(_OF_TRAINER):
        return key in _MODEL_KEYS
    return ".loss_weights." not in key


class Bench:
    """Tries models one after the other; what several of them share is done once."""

    def __init__(self, n_models: int) -> None:
        self.budget_s = BUDGET_S if n_models < 2 else 2 * BUDGET_S / n_models
        self._splits: dict[str, Splits] = {}

    def look_at(self, model: Model) -> None:
        """Check device and data of a model, and build and try it where nothing is wrong."""
        device = self._device(model)
        module = self._module(model)
        self._look_at_data(model)
        if module is not None:
            self._try(model, module, device or torch.device("cpu"))

    def _module(self, model: Model) -> ModuleType | None:
        """The module of the loop; None where it is not to be called, or makes no model."""
        if any(point.cfg is None for point in model.points):  # not found, or not trusted
            model.is_tried = str(model.cfg.loop) in LOOPS
            return None
        try:
            return loop_module(str(model.cfg.loop))
        except ConfigError as error:
            model.is_tried = False
            model.remarks.append(Problem("loop", f"the model cannot be tried: {error.message}"))
            return None

    def _is_own(self, model: Model) -> bool:
        """Whether the loop is one of the user's own, which was found and may be called."""
        return not model.is_tried and all(point.cfg is not None for point in model.points)

    def _device(self, model: Model) -> torch.device | None:
        try:
            device = resolve_device(model.cfg)
        except ConfigError as error:
            model.problems.append(Problem("device", str(error)))
            return None
        model.device = str(device)
        return device

    def _look_at_data(self, model: Model) -> None:
        """The shape of a file of events, which a loop of the user's own may not need."""
        found = model.warnings if self._is_own(model) else model.problems
        problems, model.data = data_problems(model.cfg.data)
        found += problems

    def _try(self, model: Model, module: ModuleType, device: torch.device) -> None:
        """Build the model and train it for a moment; what goes wrong becomes a problem."""
        cfg = model.cfg
        set_all_seeds(cfg.phase1.trainer.get("seed"))
        splits = self._load(model, module, device)
        try:
            objective = module.build(cfg, device, len(splits.train) if splits else 1)
            if splits is not None:
                if (cfg.get("evaluation") or {}).get("enabled", False):
                    rehearse(objective, splits.test, splits.meta)
                model.trial = try_out(objective, splits, device, self.budget_s)
        except Exception as error:  # noqa: BLE001 - whatever a component of anybody raises
            model.problems += _explained(error, cfg, device)
        if model.trial is not None:
            model.remarks += [Problem(None, text) for text in _about_speed(model.trial)]

    def _load(self, model: Model, module: ModuleType, device: torch.device) -> Splits | None:
        """The data, read once for all models that have the same; None where something is wrong."""
        if model.problems:
            return None
        data = OmegaConf.to_container(model.cfg.data, resolve=True)
        classes = (model.cfg.get("evaluation") or {}).get("background")
        key = repr((module.__name__, str(device), data, model.cfg.get("task"), classes))
        try:
            if key not in self._splits:
                self._splits = {key: module.load(model.cfg, device)}  # one at a time in memory
        except (DataError, ConfigError) as error:
            default = "data.file" if isinstance(error, DataError) else "data"
            model.problems += [keyed(text, default) for text in error_texts(error)]
            return None
        except (RuntimeError, MemoryError) as error:
            model.problems += _explained(error, model.cfg, device)
            return None
        model.meta = self._splits[key].meta
        return self._splits[key]


_MUCH = 1.5
"""By which factor one thread must be faster to be worth a remark."""


def _about_speed(trial: Trial) -> Iterator[str]:
    """What makes the estimate of the time rough, or the training slow."""
    if not trial.is_steady:
        yield "some steps took much longer than others, so that the times are rough"
    alone = trial.one_thread_step_s
    if alone is not None and trial.step_s > _MUCH * alone:
        yield "the cores are busy: OMP_NUM_THREADS=1 would train faster, as no thread waits then"


def _explained(error: Exception, cfg: Any, device: torch.device) -> list[Problem]:
    """The problems that an error of building or training tells of."""
    if isinstance(error, NonFiniteLoss):
        text = f"{error.message} within the first steps\nLower it, or clip the gradient."
        return [Problem("phase1.trainer.lr", f"phase1.trainer.lr={cfg.phase1.trainer.lr}: {text}")]
    if is_out_of_memory(error):
        return [Problem("data.batch_size", str(out_of_memory(cfg, device, " in a step")))]
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        error = missing_key(error, str(cfg.loop))
    if isinstance(error, EngineError):
        return [keyed(text) for text in error_texts(error)]
    words = " ".join(str(error).split())
    return [Problem(None, f"the model cannot be trained: {type(error).__name__}: {words}")]


def error_texts(error: EngineError) -> list[str]:
    """Each problem of an error that may tell of several: a line, and perhaps one of what to do."""
    if error.problems:
        return list(error.problems)
    message = " ".join(error.message.split())
    return [f"{message}\n{error.hint}" if error.hint else message]
