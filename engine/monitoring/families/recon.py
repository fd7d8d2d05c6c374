"""Reconstruction against truth: spectra, residuals, object types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from engine.monitoring import confusion, style
from engine.monitoring.spectrum import Feature, draw_feature

COLUMNS = 4
CONFUSION_COLUMNS = 2


def draw(payload: Mapping[str, Any]) -> Figure | None:
    """Spectrum and residual of each feature, and the confusion matrix of object types.

    Reads `figure_data["recon"]`, N real objects and B events in physical units: `features`,
    `units`, `truth` [N, F], `reconstruction` [N, F]; optionally `id_names`, `id_truth` [N],
    `id_prediction` [N] (codes into `id_names`), and `global_features`, `global_units`,
    `globals_truth` [B, G], `globals_reconstruction` [B, G]. None without objects.
    """
    data = (payload.get("figure_data") or {}).get("recon") or {}
    objects, events = object_features(data), global_features(data)
    if not objects:
        return None
    types_width = CONFUSION_COLUMNS if has_types(data) else 0
    first_rows = math.ceil(len(objects) / COLUMNS)
    rows = first_rows + math.ceil((types_width + len(events)) / COLUMNS)
    figure = style.new_figure(12.0, 0.7 + 4.1 * rows)
    grid = figure.add_gridspec(rows, COLUMNS)
    _draw_in_order(figure, grid, objects, 0)
    if types_width:
        # A grid of its own keeps the long row labels from narrowing the column of plots above.
        cells = grid[first_rows, : types_width if events else COLUMNS]
        _draw_types(figure.add_subplot(cells.subgridspec(1, 1)[0]), data)
    _draw_in_order(figure, grid, events, first_rows * COLUMNS + types_width)
    epoch = payload.get("epoch")
    after = "" if epoch is None else f" after epoch {epoch}"
    style.headline(figure, f"reconstruction of {objects[0].truth.size:,} objects{after}")
    _legend(figure)
    return figure


def object_features(data: Mapping[str, Any]) -> list[Feature]:
    """List the features of the objects, empty where there is no object."""
    return _features(data, "features", "units", "truth", "reconstruction", "objects")


def global_features(data: Mapping[str, Any]) -> list[Feature]:
    """List the features of whole events, empty where there are none."""
    return _features(
        data, "global_features", "global_units", "globals_truth", "globals_reconstruction", "events"
    )


def has_types(data: Mapping[str, Any]) -> bool:
    """Whether true and predicted types are there."""
    return all(data.get(key) is not None for key in ("id_names", "id_truth", "id_prediction"))


def _features(
    data: Mapping[str, Any], names: str, units: str, truth: str, reconstruction: str, counted: str
) -> list[Feature]:
    """One `Feature` per column of truth [N, F] and reconstruction [N, F]."""
    if any(data.get(key) is None for key in (names, truth, reconstruction)):
        return []
    true, made = (np.asarray(data[key], dtype=float) for key in (truth, reconstruction))
    if true.size == 0:
        return []
    unit_of = data.get(units) or [""] * len(data[names])
    return [
        Feature(name, unit, true[:, i], made[:, i], counted)
        for i, (name, unit) in enumerate(zip(data[names], unit_of, strict=True))
    ]


def _draw_in_order(figure: Figure, grid: GridSpec, features: list[Feature], start: int) -> None:
    """Fill the cells of the grid row by row from number `start`."""
    for index, feature in enumerate(features, start):
        draw_feature(figure, grid[index // COLUMNS, index % COLUMNS], feature)


def _draw_types(axes: Any, data: Mapping[str, Any]) -> None:
    truth, prediction = (
        np.asarray(data[key], dtype=np.int64).ravel() for key in ("id_truth", "id_prediction")
    )
    confusion.draw(axes, list(data["id_names"]), truth, prediction)


def _legend(figure: Figure) -> None:
    handles = [
        Patch(facecolor=style.TRUTH, edgecolor=style.TRUTH_EDGE, label="truth"),
        Line2D([], [], color=style.RECONSTRUCTION, label="reconstruction"),
        Patch(color=style.WIDTH_BAND, label=r"$\pm\sigma_{68}$: half-width of the central 68%"),
    ]
    figure.legend(handles=handles, loc="upper right", ncols=3, bbox_to_anchor=(0.995, 0.995))
