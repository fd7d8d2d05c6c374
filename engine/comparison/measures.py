"""The numbers of one evaluated model, by the names of the columns that they stand in."""

from __future__ import annotations

import math

from engine.evaluation.evaluate import Evaluation
from engine.evaluation.ranking import auroc

TYPES = "id_accuracy"
"""The share of objects whose type is right."""

AREA_ERROR = "auroc_error_"
"""Before a class: the statistical error of its area, from the number of test events."""


def is_of_reconstruction(name: str) -> bool:
    """Whether a model has to do better in a number than predicting the mean does."""
    return name in ("val_loss", TYPES) or name.startswith("error_")


def is_share(name: str) -> bool:
    """Whether a number of the reconstruction is the better the higher it is."""
    return name == TYPES


def measures(evaluation: Evaluation) -> dict[str, float]:
    """Errors of features in their units, share of right types, and areas under ROC curves.

    `error_pT` is the mean absolute error of a feature; `auroc_tttt` tells the signal tttt from
    all other classes, `auroc_ttH` one of these from the signal; `auroc_error_tttt` is the
    statistical error of one such area.
    """
    found = {f"error_{one.name}": one.mean_abs for one in evaluation.features}
    if evaluation.id_accuracy is not None:
        found[TYPES] = evaluation.id_accuracy
    return found | _areas(evaluation)


def column_units(evaluation: Evaluation) -> dict[str, str]:
    """Column of an error to the unit that it has."""
    return {f"error_{one.name}": one.unit for one in evaluation.features}


def _areas(evaluation: Evaluation) -> dict[str, float]:
    """The areas of the first score, by which a run is judged."""
    if evaluation.classes is None or not evaluation.separations:
        return {}
    name, separations = next(iter(evaluation.separations.items()))
    scores = evaluation.scores_of(name)
    areas = {signal: (one.auroc, one.auroc_error) for signal, one in separations.items()}
    if len(separations) == 1:  # with several signals the other way has no one class to be against
        (signal,) = separations
        for other in evaluation.classes.background:
            areas[other] = auroc(scores[other], scores[signal])
    found = {f"auroc_{name}": area for name, (area, _) in areas.items()}
    errors = {f"{AREA_ERROR}{name}": error for name, (_, error) in areas.items()}
    return found | {name: error for name, error in errors.items() if math.isfinite(error)}
