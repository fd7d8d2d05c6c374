"""The evaluation of a run: after its training, and later from its checkpoint."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from engine.data.batches import TensorBatches
from engine.data.normalisation import NORMALISERS, Normaliser, recorded
from engine.errors import ConfigError, EngineError, FactsError
from engine.evaluation.classes import choose_classes
from engine.evaluation.collect import rehearse
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.facts import read_events
from engine.facts.files import replace_file
from engine.facts.run_dir import RunDir
from engine.training_loops.checkpoints import load_checkpoint
from engine.training_loops.device import resolve_device
from engine.training_loops.objective import Objective
from engine.training_loops.past import data_in, require_same_data
from engine.training_loops.session import Session
from engine.training_loops.trial import loop_module

log = logging.getLogger("engine")


class Evaluating:
    """Evaluates what a session has trained, where `cfg.evaluation` asks for it.

    Parameters
    ----------
    test_batches, meta
        The test split on the session's device, and what `make_dataloaders` says of the data.

    Raises
    ------
    ConfigError
        If it could not be evaluated, where that is asked for: better told before the training.
    """

    def __init__(
        self,
        session: Session,
        objective: Objective,
        test_batches: TensorBatches,
        meta: dict[str, Any],
    ) -> None:
        self.session = session
        self.objective = objective
        self.test_batches = test_batches
        self.meta = meta
        if self._is_wanted:
            rehearse(objective, test_batches, meta)

    @property
    def _is_wanted(self) -> bool:
        settings = self.session.cfg.get("evaluation") or {}
        return bool(settings.get("enabled", False))

    def run(self) -> Evaluation | None:
        """The evaluation of the model as it is, kept in `evaluation.json`.

        None where there is nothing to tell, or the training is to stop. What cannot be measured
        is a warning: the training is done, and is worth more.
        """
        if not self._is_wanted:
            return None
        try:
            result = evaluate(
                self.objective,
                self.test_batches,
                self.meta,
                self.session.cfg.evaluation.get("background"),
                lambda: self.session.stop_asked,
            )
        except EngineError as error:
            log.warning("no evaluation: %s", error.in_a_line)
            return None
        if result is None or not result.tells_anything:
            return None
        if result.no_scores is not None:
            log.warning("no AUROC: %s", result.no_scores.in_a_line)
        for line in result.lines():
            log.info(line)
        if self.session.run_dir is not None:
            self.session.require_ownership()
            write_evaluation(self.session.run_dir, result)
        return result


def write_evaluation(run_dir: RunDir, result: Evaluation) -> None:
    """Write `evaluation.json`, whole or not at all.

    Raises
    ------
    FactsError
        If it cannot be written.
    """
    text = result.text().encode()
    # The checkpoint makes it anew, so that it need not outlive a power cut.
    replace_file(run_dir.evaluation, lambda handle: handle.write(text), sync=False)


def evaluate_run(
    run_dir: RunDir, cfg: Any, background: Sequence[Any] | None, *, own_data: bool = False
) -> Evaluation:
    """Evaluate the best weights of a run on the test split of `cfg.data`; nothing is written.

    Features are normalised as those that it was trained on, whose normalisers are in its facts.

    Parameters
    ----------
    cfg
        The config of the run, which may be used: see `engine.config.saved.untrusted`.
    background
        As for `choose_classes`.
    own_data
        Whether no other data will do than those that it was trained on.

    Raises
    ------
    ConfigError
        If the loop tells nothing about events, or does not say how its model is made; or there is
        no such class, or it was trained to tell others.
    DataError
        If the data cannot be read, or are others where they may not; or no event is of the
        background; or there are no labels, and nothing was reconstructed either.
    FactsError
        If there is no checkpoint, or it does not fit the config.
    """
    module = loop_module(str(cfg.loop))
    weights = load_checkpoint(run_dir.best)
    trained_on = _trained_on(run_dir)
    splits = module.load(cfg if own_data else _with(cfg, trained_on), resolve_device(cfg))
    now = {"n_events": splits.meta.get("n_events")} | recorded(splits.meta)
    require_same_data(trained_on if own_data else trained_on | {"n_events": now["n_events"]}, now)
    _require_background(splits.meta, background, cfg)
    objective: Objective = module.build(cfg, resolve_device(cfg), len(splits.train))
    try:
        objective.model.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise FactsError(f"{run_dir.best} does not fit the config of the run: {reason}") from error
    result = evaluate(objective, splits.test, splits.meta, background)
    if result is None or not result.tells_anything:
        raise ConfigError(f"{_named(cfg)} gives no scores, and reconstructs no events")
    if result.no_scores is not None and not result.is_without_labels:
        raise result.no_scores
    return result


def _trained_on(run_dir: RunDir) -> dict[str, Any]:
    """What the run says of its data; nothing of one whose loop told nothing, or without facts."""
    if not run_dir.events.exists():
        return {}
    starts = read_events(run_dir.path).of("on_start")
    return data_in(starts[-1]) if starts else {}


def _with(cfg: Any, trained_on: dict[str, Any]) -> Any:
    """The config with what a loader has to know of the model's own data: numbers alone."""
    told: dict[str, Any] = {}
    for name, features in zip(NORMALISERS, ("features", "global_features"), strict=True):
        if name in trained_on and features in cfg.data:
            normaliser = Normaliser.from_dict(trained_on[name], len(cfg.data[features]))
            told[name] = normaliser.as_dict()
    background = trained_on.get("background")
    if isinstance(background, list) and all(type(number) is int for number in background):
        told["background"] = background
    given = copy.deepcopy(cfg)
    OmegaConf.set_struct(given, False)
    given.trained_on = told
    return given


def _require_background(meta: dict[str, Any], background: Sequence[Any] | None, cfg: Any) -> None:
    """Raise a `ConfigError` where a score was trained on another background than is asked for."""
    trained = meta.get("background")
    if trained is None or background is None:
        return
    labels = np.concatenate([labels.cpu().numpy() for labels in meta["labels"].values()])
    asked, own = (choose_classes(labels, meta["class_names"], x) for x in (background, trained))
    if asked != own:
        raise ConfigError(
            f"{_named(cfg)}: its score tells {', '.join(own.signal)} from"
            f" {', '.join(own.background)}, as it was trained to, and nothing else",
            "Leave out --background, or train another with evaluation.background=[…].",
        )


def _named(cfg: Any) -> str:
    task = cfg.get("task")
    return f"loop={cfg.loop} task={task}" if task else f"loop={cfg.loop}"
