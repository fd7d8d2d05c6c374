"""The evaluation of a model on a split: numbers for the facts, for `evaluation.json`, for figures.

`evaluation.json` is one object (null: not known, or infinite):

    {
      "format": 1, "split": "test", "n_events": 2000,
      "background": {"ttH": 411, …},           events of each class of the background
      "scores": {                              the first is the one the run is judged by
        "reconstruction_error": {
          "classes": {"tttt": {"events", "mean", "std", "median", "q05", "q95"}, …},
          "signals": {"tttt": {
            "events", "auroc", "auroc_error",
            "rejections": [{"wanted": 0.3, "signal_efficiency", "background_efficiency",
                            "rejection", "error", "at_least"}, …]}, …}}},
      "features": [{"name": "pT", "unit": "GeV", "median", "sigma68", "mean_abs", "rms"}, …],
      "globals": [the same of MET and MET_phi, with a globals head],
      "id_accuracy": 0.97                      share of objects with the right type
    }

`background` and `scores` are empty where the classes do not allow it, or there are none.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.batches import TensorBatches
from engine.errors import DataError, EngineError
from engine.evaluation.classes import Classes, choose_classes
from engine.evaluation.collect import Collected, Evaluated, collect
from engine.evaluation.ranking import EFFICIENCIES, Rejection, auroc, rejection, roc_curve
from engine.evaluation.residuals import FeatureError, feature_errors

FORMAT = 1
SPLIT = "test"

_CURVE_POINTS = 400


@dataclass(frozen=True)
class Separation:
    """How well a score tells a class from the background."""

    events: int
    auroc: float
    auroc_error: float
    rejections: list[Rejection]


@dataclass
class Evaluation:
    """What a model is worth on one split."""

    collected: Collected
    labels: NDArray[np.int64] | None
    """The class [N] of each event."""
    classes: Classes | None = None
    separations: dict[str, dict[str, Separation]] = field(default_factory=dict)
    """Score to class to how well it is told from the background."""
    no_scores: EngineError | None = None
    """Why there are no separations; None where the loop has no scores, too."""
    features: list[FeatureError] = field(default_factory=list)
    globals: list[FeatureError] = field(default_factory=list)
    id_accuracy: float | None = None

    @property
    def tells_anything(self) -> bool:
        """Whether the loop has scores, or reconstructs events."""
        return bool(self.collected.scores or self.collected.events)

    @property
    def is_without_labels(self) -> bool:
        """Whether events were reconstructed that have no labels: errors, and no AUROC."""
        return self.labels is None and bool(self.collected.events)

    def lines(self) -> list[str]:
        """What is said of it after a training: how each signal is told from the background."""
        against = " + ".join(self.classes.background) if self.classes else ""
        return [
            f"{name} against {against}: AUROC {one.auroc:.3f} ± {one.auroc_error:.3f}, by {score}"
            for score, of_classes in self.separations.items()
            for name, one in of_classes.items()
        ]

    def metrics(self) -> dict[str, float]:
        """The finite numbers to sort runs by, under the names that `on_test_end` has them.

        `tttt_auroc`, `tttt_auroc_error` and `tttt_rejection_at_30` (50, 70) of the first score,
        with the name of the score behind the class for further ones; `error_pT` is the mean
        absolute error of a feature.
        """
        found: dict[str, float] = {}
        for number, (score, of_classes) in enumerate(self.separations.items()):
            for name, separation in of_classes.items():
                prefix = f"{name}_{score}_" if number else f"{name}_"
                found[f"{prefix}auroc"] = separation.auroc
                found[f"{prefix}auroc_error"] = separation.auroc_error
                for one in separation.rejections:
                    found[f"{prefix}rejection_at_{100 * one.wanted:.0f}"] = one.rejection
        found |= {f"error_{one.name}": one.mean_abs for one in [*self.features, *self.globals]}
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def record(self) -> dict[str, Any]:
        """The content of `evaluation.json`."""
        return _finite(
            {
                "format": FORMAT,
                "split": SPLIT,
                "n_events": self.collected.n_events,
                "background": self.events_of(self.classes.background if self.classes else {}),
                "scores": {
                    score: {
                        "classes": self._distributions(score),
                        "signals": {k: dataclasses.asdict(v) for k, v in of_classes.items()},
                    }
                    for score, of_classes in self.separations.items()
                },
                "features": [dataclasses.asdict(one) for one in self.features],
                "globals": [dataclasses.asdict(one) for one in self.globals],
                "id_accuracy": self.id_accuracy,
            }
        )

    def text(self) -> str:
        """The record as JSON."""
        return json.dumps(self.record(), indent=2, allow_nan=False) + "\n"

    def events_of(self, classes: dict[str, int]) -> dict[str, int]:
        """How many events each of some classes has."""
        return {
            name: int(np.count_nonzero(self.labels == number)) for name, number in classes.items()
        }

    def class_names(self) -> list[str]:
        """The class of each event; an empty text where there are no labels."""
        if self.labels is None or self.classes is None:
            return [""] * self.collected.n_events
        names = {number: name for name, number in self.classes.all.items()}
        return [names[number] for number in self.labels.tolist()]

    def scores_of(self, score: str) -> dict[str, NDArray[np.float64]]:
        """The scores of each class."""
        values, classes = self.collected.scores[score], self.classes.all if self.classes else {}
        return {name: values[self.labels == number] for name, number in classes.items()}

    def background_scores(self, score: str) -> NDArray[np.float64]:
        """The scores of all background events."""
        of_class, behind = self.scores_of(score), self.classes.background if self.classes else {}
        return np.concatenate([of_class[name] for name in behind])

    def figures(self, due: set[str]) -> dict[str, Any]:
        """The figure data of the plot families that are due, of which `evaluation` is ours."""
        return {"evaluation": self._drawn()} if "evaluation" in due else {}

    def _drawn(self) -> dict[str, Any]:
        data = dict(self.collected.events)
        if self.separations and self.classes:
            score = next(iter(self.separations))
            data["score"], data["scores"] = score, self.scores_of(score)
            data["background"] = list(self.classes.background)
            data["curves"] = {name: self._curves(name) for name in self.separations}
        return data

    def _curves(self, score: str) -> dict[str, dict[str, Any]]:
        """Of each signal its area with error, and its ROC curve thinned to what can be seen."""
        of_class = self.scores_of(score)
        behind = self.background_scores(score)
        curves: dict[str, dict[str, Any]] = {}
        for name, separation in self.separations[score].items():
            kept, passed = roc_curve(of_class[name], behind)
            shown = np.unique(np.linspace(0, len(kept) - 1, _CURVE_POINTS).round().astype(int))
            curves[name] = {
                "auroc": (separation.auroc, separation.auroc_error),
                "signal_efficiency": kept[shown],
                "background_efficiency": passed[shown],
            }
        return curves

    def _distributions(self, score: str) -> dict[str, dict[str, float]]:
        return {name: _distribution(values) for name, values in self.scores_of(score).items()}


def evaluate(
    objective: Evaluated,
    batches: TensorBatches,
    meta: dict[str, Any],
    background: Sequence[Any] | None,
    stop_asked: Callable[[], bool] = lambda: False,
) -> Evaluation | None:
    """Evaluate a model on the test split; None if asked to stop.

    Parameters
    ----------
    batches
        The test split, in the order of its labels.
    meta
        What `make_dataloaders` says: `labels` and `class_names`, and of collision events the
        names, units and normalisers. `background` has the numbers of the classes that the
        model was trained to tell from the others, if it was: these count instead.
    background
        As for `choose_classes`.

    Raises
    ------
    TrainingError
        If a score is not finite.
    """
    collected = collect(objective, batches, meta, stop_asked)
    if collected is None:
        return None
    labels = (meta.get("labels") or {}).get(SPLIT)
    result = Evaluation(collected, None if labels is None else labels.cpu().numpy())
    _measure_reconstruction(result)
    if collected.scores:
        background = meta.get("background", background)
        try:
            _separate(result, meta.get("class_names") or {}, background)
        except EngineError as error:  # what else was measured is worth telling
            result.no_scores = error
    return result


def _separate(result: Evaluation, names: dict[int, str], background: Sequence[Any] | None) -> None:
    """Measure how well each score tells each signal class from the background."""
    if result.labels is None:
        raise DataError(
            f"the {SPLIT} split has no labels, so that nothing tells signal from background",
            f"Name their dataset in data.datasets.labels.{SPLIT}.",
        )
    result.classes = choose_classes(result.labels, names, background)
    for score in result.collected.scores:
        of_class, behind = result.scores_of(score), result.background_scores(score)
        result.separations[score] = {
            name: _separation(of_class[name], behind) for name in result.classes.signal
        }


def _separation(signal: NDArray[np.float64], background: NDArray[np.float64]) -> Separation:
    area, error = auroc(signal, background)
    rejections = [rejection(signal, background, wanted) for wanted in EFFICIENCIES]
    return Separation(len(signal), area, error, rejections)


def _measure_reconstruction(result: Evaluation) -> None:
    events = result.collected.events
    if not events or not len(events["truth"]):
        return
    result.id_accuracy = float((events["id_truth"] == events["id_prediction"]).mean())
    result.features = feature_errors(
        events["features"], events["units"], events["truth"], events["reconstruction"]
    )
    if "globals_truth" in events:
        arrays = events["globals_truth"], events["globals_reconstruction"]
        result.globals = feature_errors(events["global_features"], events["global_units"], *arrays)


def _distribution(scores: NDArray[np.float64]) -> dict[str, float]:
    low, median, high = np.quantile(scores, [0.05, 0.5, 0.95])
    return {
        "events": len(scores),
        "mean": float(scores.mean()),
        "std": float(scores.std()),
        "median": float(median),
        "q05": float(low),
        "q95": float(high),
    }


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
