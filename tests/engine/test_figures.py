"""What each family of figures draws and says, of any data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from engine.monitoring import confusion, labels, series, spectrum
from engine.monitoring.families import (
    adversarial,
    codebook,
    diffusion,
    evaluation,
    latency,
    losses,
    metrics,
    recon,
)
from tests.engine.figures import (
    Payload,
    drawn,
    histories,
    payload_in,
    recon_data,
    sampler_data,
    texts,
)


@pytest.fixture
def payload(tmp_path: Path) -> Payload:
    return payload_in(tmp_path)


@pytest.mark.parametrize("missing", ["scores", "objects", "both"])
def test_an_evaluation_shows_what_there_is(missing: str, payload: Payload) -> None:
    data = payload["figure_data"]["evaluation"]
    if missing in ("scores", "both"):
        del data["curves"], data["scores"]
    if missing in ("objects", "both"):
        del data["truth"], data["globals_truth"]
    figure = drawn(evaluation.draw, payload)
    if missing == "both":
        assert figure is None
        return
    assert figure is not None
    assert ("tttt against ttH + ttW: AUROC 0.667 ± 0.020" in texts(figure)) is (missing != "scores")
    assert ("GeV" in texts(figure)) is (missing != "objects")
    assert ("by denoising error" in texts(figure)) is (missing != "scores")
    n_columns = figure.axes[0].get_subplotspec().get_gridspec().ncols
    assert n_columns == (2 if missing == "objects" else 3), "no empty column"


def test_several_signals_are_told_from_the_least_to_the_greatest_area(payload: Payload) -> None:
    data = payload["figure_data"]["evaluation"]
    (curve,) = data["curves"]["reconstruction_error"].values()
    data["background"] = ["tttt"]
    data["curves"] = {
        "reconstruction_error": {
            "ttH": curve | {"auroc": (0.508, 0.01)},
            "ttW": curve | {"auroc": (0.553, 0.01)},
        }
    }
    told = texts(drawn(evaluation.draw, payload))
    message = "each class against tttt: AUROC 0.508 (ttH) to 0.553 (ttW) by reconstruction error"
    assert message in told


def test_few_events_do_not_stretch_the_axis_of_a_score(payload: Payload) -> None:
    values = np.append(np.linspace(1, 2, 999), 8.0)
    edges, log = evaluation.score_bins("reconstruction_error", values)
    assert (edges[-1] < 2.1, log) == (True, False)
    edges, log = evaluation.score_bins("signal_probability", 10.0 ** -np.arange(5.0))
    assert ((edges[0], edges[-1]), log) == ((0, 1), False)
    scores = payload["figure_data"]["evaluation"]["scores"]
    scores |= {"ttW": np.append(scores["ttW"], 1e6)}
    assert "of 241 events beyond the axis" in texts(drawn(evaluation.draw, payload))


HARD = {
    "empty": [],
    "one": [0.5],
    "one gap": [None],
    "gaps": [1.0, None, 0.5, float("nan"), float("inf"), 0.2, -float("inf")],
    "zeros": [0.0, 0.0, 0.0],
    "negative": [-1.0, 2.0, -3.0],
    "decades": [1e6, 1.0, 1e-6],
    "long": [1.0 / (epoch + 1) for epoch in range(300)],
}


@pytest.mark.parametrize("values", HARD.values(), ids=HARD)
@pytest.mark.parametrize("draw", [losses.draw, metrics.draw, latency.draw])
def test_any_history_can_be_drawn(
    draw: Callable[[Payload], Figure | None], values: list[float | None]
) -> None:
    figure = drawn(draw, {"histories": dict.fromkeys(histories(0), values)})
    assert figure is not None or not any(np.isfinite(value or np.nan) for value in values)


@pytest.mark.parametrize("values", [[], [2.0], [None] * 9, [1.0] * 9])
@pytest.mark.parametrize("draw", [losses.draw, metrics.draw])
def test_histories_may_differ_in_length(
    draw: Callable[[Payload], Figure | None], values: list[float | None]
) -> None:
    other = {"train_loss": [1.0, 0.5], "token_mse": [0.5, 0.3, 0.2]}
    payload = {"histories": other | {"val_loss": values, "train_token_mse": values}}
    assert drawn(draw, payload) is not None


def test_losses_name_the_best_epoch_and_the_reference() -> None:
    curve = {"train_loss": [3.0, 2.0, 1.0, 0.5], "val_loss": [3.0, None, 0.0213, 2.5]}
    figure = drawn(losses.draw, {"histories": curve, "figure_data": {"baseline_val_loss": 0.9}})
    assert figure is not None
    assert "validation loss 0.0213 at epoch 2 (best)" in texts(figure)
    assert "predicting the mean (0.900)" in texts(figure)


@pytest.mark.parametrize(("values", "scale"), [([1, 0.5], "linear"), ([1, 0.01], "log")])
def test_a_log_axis_only_for_decades(values: list[float], scale: str) -> None:
    figure = drawn(losses.draw, {"histories": {"val_loss": values}})
    assert figure is not None
    assert figure.axes[0].get_yscale() == scale


def test_metrics_pair_training_with_validation_and_leave_the_rest() -> None:
    values = histories(3) | {"train_only_here": [1.0], "nothing": [None]}
    assert metrics.panel_names({"histories": values}) == [
        "token_mse", "perplexity", "only_here", "lr",
    ]  # fmt: skip


@pytest.mark.parametrize("counts", [[1], [0, 7], [40_000] + [0] * 511, [5] * 512, list(range(100))])
def test_any_used_codebook_can_be_drawn(counts: list[int]) -> None:
    figure = drawn(codebook.draw, {"figure_data": {"codebook": {"counts": np.array(counts)}}})
    assert figure is not None
    used = sum(count > 0 for count in counts)
    assert f"{used} of {len(counts)} codes used" in texts(figure)


@pytest.mark.parametrize("counts", [[], [0, 0, 0]])
def test_an_unused_codebook_has_no_figure(counts: list[int]) -> None:
    assert codebook.draw({"figure_data": {"codebook": {"counts": counts}}}) is None


def test_levels_of_noise_are_drawn_in_their_order_and_are_no_metrics_of_their_own() -> None:
    names = ("noise_mse_at_90", "noise_mse_at_10", "noise_mse_at_100", "noise_mse_at_5")
    payload = {"histories": {name: [1.0, 0.01] for name in (*names, "noise_mse")}}
    assert diffusion.level_names(payload) == [f"noise_mse_at_{level}" for level in (5, 10, 90, 100)]
    assert metrics.panel_names(payload) == ["noise_mse"]
    assert "5 %\n10 %\n90 %\n100 %" in texts(drawn(diffusion.draw, payload))


def test_the_error_with_the_steps_in_use_is_the_message_and_nothing_known_is_no_figure() -> None:
    payload = {"epoch": 3, "figure_data": {"diffusion": sampler_data()}}
    figure = drawn(diffusion.draw, payload)
    assert "reconstruction error 0.0200 in 5 steps after epoch 3" in texts(figure)
    assert diffusion.draw({}) is None


def test_how_often_the_discriminator_is_right_is_the_message() -> None:
    payload = {"epoch": 3, "histories": {"discriminator_accuracy": [0.9, 0.625]}}
    assert "right in 62 % of the events after epoch 3" in texts(drawn(adversarial.draw, payload))
    assert adversarial.draw({"histories": {"token_mse": [1.0]}}) is None


def test_logits_that_are_all_alike_are_drawn() -> None:
    data = {"discriminator": {"real": np.zeros(5), "made": np.zeros(5)}}
    figure = drawn(adversarial.draw, {"figure_data": {"adversarial": data}})
    assert "logit of the discriminator" in texts(figure)


@pytest.mark.parametrize("n_codes", [1, 4, 512])
def test_perplexity_of_even_use_is_the_number_of_codes(n_codes: int) -> None:
    even = np.r_[np.full(n_codes, 3.0), np.zeros(7)]
    assert codebook.perplexity(even) == pytest.approx(n_codes)


# Neither types nor globals.
ALONE: dict[str, Any] = {"id_prediction": None, "globals_truth": None}


def test_recon_without_objects_has_no_figure() -> None:
    data = recon_data() | {"truth": np.empty((0, 2)), "reconstruction": np.empty((0, 2))}
    assert recon.draw({"figure_data": {"recon": data}}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"globals_truth": None},
        {"id_prediction": None},
        {"id_prediction": np.full(200, 99), "globals_truth": None},
        ALONE | {"reconstruction": np.full((200, 2), np.nan)},
        ALONE | {"reconstruction": np.full((200, 2), np.inf), "truth": np.full((200, 2), np.inf)},
        ALONE | {"reconstruction": np.full((200, 2), -1.0)},
        ALONE | {"truth": np.ones((200, 2)), "reconstruction": np.ones((200, 2))},
        ALONE | {"truth": np.ones((1, 2)), "reconstruction": np.zeros((1, 2))},
        ALONE | {"features": ["$a", "b$c$"], "units": None},
    ],
)
def test_any_reconstruction_can_be_drawn(change: dict[str, Any]) -> None:
    payload = {"epoch": 3, "figure_data": {"recon": recon_data() | change}}
    assert drawn(recon.draw, payload) is not None


def test_a_residual_of_an_angle_goes_the_short_way_round() -> None:
    near = np.array([np.pi - 0.1, -np.pi + 0.1])
    feature = spectrum.Feature("phi", "rad", near, near[::-1])
    assert spectrum.residual(feature) == pytest.approx([0.2, -0.2])


def test_the_width_is_sigma_for_a_gaussian() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 200_000)
    assert spectrum.median_and_width(values) == pytest.approx((3.0, 2.0), rel=0.02)


@pytest.mark.parametrize(
    ("unit", "scale", "log"),
    [("GeV", 1.0, True), ("MeV", 1.0, True), ("", 1.0, False), ("GeV", -1.0, False)],
)
def test_log_bins_hold_positive_energies_over_decades(unit: str, scale: float, log: bool) -> None:
    truth = scale * np.geomspace(1, 1000, 100)
    edges, is_log = spectrum.spectrum_bins(truth, unit)
    assert is_log == log
    assert np.all(np.diff(edges) > 0)
    if log:
        assert np.histogram(truth, edges)[0].sum() == truth.size


def test_the_confusion_matrix_counts_every_object_once() -> None:
    data = recon_data()
    counts, rows, columns = confusion.matrix(data["id_truth"], data["id_prediction"])
    assert counts.sum() == 200
    assert list(rows) == [1, 2, 3]
    assert list(columns) == [0, 1, 2, 3]
    for i, row in enumerate(rows):
        assert counts[i].sum() == (data["id_truth"] == row).sum()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02, "0.0200"), (12345.6, "12,346"), (7, "7"), (-0.5, "−0.500"), (412.3, "412"), (0, "0")],  # noqa: RUF001
)
def test_numbers_are_written_for_reading(value: float, text: str) -> None:
    assert series.number(value) == text


def test_a_name_from_outside_is_never_a_formula() -> None:
    assert labels.metric("a$b$") == r"a\$b\$"
    assert labels.quantity("pT") == r"$p_T$"
    assert labels.quantity("mystery") == "mystery"
