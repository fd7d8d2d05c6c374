"""Figures: which are due, what is written, and that no data whatever stops a run."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from engine.monitoring import confusion, labels, orchestrator, series, spectrum, style
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

FAMILIES = set(orchestrator.FAMILIES)
PNG = b"\x89PNG\r\n\x1a\n"
Payload = dict[str, Any]


def config(*families: str, **settings: Any) -> dict[str, Any]:
    """Make a logging group with these families on and small, fast figures."""
    return {"dpi": 40, "families": {name: {"enabled": True} for name in families}, **settings}


def histories(n_epochs: int) -> dict[str, list[float | None]]:
    """Make plausible histories of every kind, one value per epoch."""
    falling = [1.0 / (epoch + 1) for epoch in range(n_epochs)]
    names = ("train_loss", "val_loss", "token_mse", "train_token_mse", "lr", "perplexity")
    names += ("noise_mse_at_10", "noise_mse_at_90")
    names += ("adversarial_loss", "discriminator_loss", "discriminator_accuracy")
    costs = ("epoch_time_s", "throughput", "max_memory_mib")
    return {name: list(falling) for name in (*names, *costs)}


def recon_data(n_objects: int = 200) -> dict[str, Any]:
    """Make objects in physical units with a smeared reconstruction, and one global per event.

    Two features, an energy and an angle, stand for all: each panel costs a tenth of a second.
    """
    rng = np.random.default_rng(1)
    energy, angle = rng.lognormal(4, 1, n_objects), rng.uniform(-np.pi, np.pi, n_objects)
    truth = np.column_stack([energy, angle])
    types = rng.integers(1, 4, n_objects)
    return {
        "features": ["pT", "phi"],
        "units": ["GeV", "rad"],
        "truth": truth,
        "reconstruction": truth * rng.normal(1, 0.1, truth.shape),
        "id_names": ["padding", "jet", "b-jet", "e+"],
        "id_truth": types,
        "id_prediction": np.where(rng.random(n_objects) < 0.8, types, 0),
        "global_features": ["MET"],
        "global_units": ["GeV"],
        "globals_truth": truth[:50, :1],
        "globals_reconstruction": truth[:50, :1] + 1,
    }


def sampler_data() -> dict[str, Any]:
    """Make errors of two samplers."""
    errors = {"deterministic": [0.3, 0.02, 0.01], "ancestral": [0.5, 0.04, 0.02]}
    return {"steps": [1, 5, 10], "sampling_steps": 5, **errors}


def judged_data() -> dict[str, Any]:
    """Make logits of real and made events, and of vectors."""
    rng = np.random.default_rng(3)
    names = ("discriminator", "critic")
    return {name: {"real": rng.normal(1, 1, 50), "made": rng.normal(0, 1, 50)} for name in names}


def score_data() -> dict[str, Any]:
    """Make scores of one signal and two backgrounds, and the curve of the signal."""
    rng = np.random.default_rng(2)
    efficiency = np.linspace(0, 1, 50)
    curve = {"signal_efficiency": efficiency, "background_efficiency": efficiency**2}
    return {
        "score": "reconstruction_error",
        "scores": {name: rng.lognormal(size=80) for name in ("tttt", "ttH", "ttW")},
        "background": ["ttH", "ttW"],
        "curves": {
            "reconstruction_error": {"tttt": {"auroc": (0.667, 0.02), **curve}},
            "denoising_error": {"tttt": {"auroc": (0.444, 0.02), **curve}},
        },
    }


@pytest.fixture
def payload(tmp_path: Path) -> Payload:
    """Make an event at the end of epoch 9 with everything that any family could need."""
    return {
        "run_dir": str(tmp_path),
        "epoch": 9,
        "histories": histories(10),
        "figure_data": {
            "baseline_val_loss": 1.0,
            "recon": recon_data(),
            "evaluation": recon_data() | score_data(),
            "codebook": {"counts": np.arange(64) // 8},
            "diffusion": sampler_data(),
            "adversarial": judged_data(),
        },
    }


def drawn(draw: Callable[[Payload], Figure | None], payload: Payload) -> Figure | None:
    """Draw a family and all its artists: much of what can fail fails only then.

    Without arranging the margins, which takes most of the time; the tests that write files do.
    """
    with style.context():
        figure = draw(payload)
        if figure is not None:
            figure.set_layout_engine("none")
            figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> str:
    """Join everything a figure says, in one string."""
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


# What is due


def test_an_epoch_is_due_when_it_completes_a_round() -> None:
    due = [
        epoch
        for epoch in range(22)
        if orchestrator.due_families(config("losses"), FAMILIES, "on_epoch_end", epoch)
    ]
    assert due == [9, 19]


@pytest.mark.parametrize("every", [0, -1])
def test_no_epoch_is_due_when_there_is_no_round(every: int) -> None:
    settings = config("losses", figure_every_epochs=every)
    assert orchestrator.due_families(settings, FAMILIES, "on_epoch_end", 0) == []
    assert orchestrator.due_families(settings, FAMILIES, "on_train_end", 0) == ["losses"]


@pytest.mark.parametrize(
    ("settings", "supported", "moment"),
    [
        (config("losses", make_plots=False), FAMILIES, "on_train_end"),
        (config("losses", save_artifacts=False), FAMILIES, "on_train_end"),
        (config("losses", moments=["on_test_end"]), FAMILIES, "on_train_end"),
        (config("losses", moments=None), FAMILIES, "on_train_end"),
        (config("losses"), FAMILIES, "on_start"),
        (config("losses"), {"recon"}, "on_train_end"),
        (config("losses"), FAMILIES, "on_epoch_end"),  # of an unknown epoch
        ({"families": {"losses": {"enabled": False}}}, FAMILIES, "on_train_end"),
        ({"families": {"losses": {}}}, FAMILIES, "on_train_end"),
        ({"families": None}, FAMILIES, "on_train_end"),
        ({}, FAMILIES, "on_train_end"),
    ],
)
def test_nothing_is_due(settings: dict[str, Any], supported: set[str], moment: str) -> None:
    assert orchestrator.due_families(settings, supported, moment, None) == []
    assert orchestrator.due_families(OmegaConf.create(settings), supported, moment, None) == []


def test_what_belongs_to_the_test_is_drawn_after_it_and_nothing_else_is() -> None:
    settings = config("losses", "evaluation")
    supported = {"evaluation", "losses"}
    assert orchestrator.due_families(settings, supported, "on_test_end", 3) == ["evaluation"]
    assert orchestrator.due_families(settings, supported, "on_train_end", 3) == ["losses"]


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


def test_a_family_without_a_module_is_left_out() -> None:
    settings = config("losses", "to_come")
    supported = {"to_come", "losses"}
    assert orchestrator.due_families(settings, supported, "on_train_end", 3) == ["losses"]


# What is written


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_each_family_writes_one_png_under_its_name(family: str, payload: Payload) -> None:
    moment = "on_test_end" if family in orchestrator.OF_THE_TEST else "on_epoch_end"
    paths = orchestrator.handle_event(config(family), FAMILIES, moment, payload)
    folder = Path(payload["run_dir"]) / "figures"
    assert paths == [folder / f"{family}-{moment}-e009.png"]
    assert list(folder.iterdir()) == paths  # no temporary file is left
    content = paths[0].read_bytes()
    assert content.startswith(PNG)
    assert len(content) > 2000


@pytest.mark.parametrize(("fig_format", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_vector_formats(fig_format: str, start: bytes, payload: Payload) -> None:
    settings = config("losses", fig_format=fig_format)
    (path,) = orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload)
    assert path.suffix == f".{fig_format}"
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("make", [dict, OmegaConf.create])
def test_a_plain_dict_and_a_hydra_config_give_the_same(
    make: Callable[[dict[str, Any]], Any], payload: Payload
) -> None:
    settings = make(config("losses"))
    (path,) = orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload)
    assert path.name == "losses-on_train_end-e009.png"


def test_a_struct_config_without_any_key_is_accepted(payload: Payload) -> None:
    settings = OmegaConf.create({})
    OmegaConf.set_struct(settings, True)
    assert orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload) == []


@pytest.mark.parametrize(("n_epochs", "name"), [(0, "e000"), (1, "e000"), (7, "e006")])
def test_an_unknown_epoch_is_the_last_of_the_histories(
    n_epochs: int, name: str, payload: Payload
) -> None:
    payload.update(epoch=None)
    payload["histories"]["train_loss"] = [0.5] * n_epochs
    (path,) = orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload)
    assert path.stem.endswith(name)


def test_a_second_figure_replaces_the_first(payload: Payload) -> None:
    for _ in range(2):
        paths = orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload)
    assert list(paths[0].parent.iterdir()) == paths


def test_the_settings_of_the_caller_survive(payload: Payload) -> None:
    before = dict(matplotlib.rcParams)
    orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload)
    assert dict(matplotlib.rcParams) == before


# What goes wrong


def test_a_failing_family_is_logged_and_the_others_are_drawn(
    payload: Payload, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Payload) -> Figure:
        raise ValueError("no such\nthing")

    monkeypatch.setattr(losses, "draw", fail)
    caplog.set_level(logging.DEBUG, logger="engine.monitoring")
    settings = config("losses", "latency")
    paths = orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload)
    assert [path.name for path in paths] == ["latency-on_train_end-e009.png"]
    warning, trace = (r for r in caplog.records if r.name == "engine.monitoring")
    for word in ("losses", "on_train_end", "ValueError", "no such thing"):
        assert word in warning.getMessage()
    assert warning.levelno == logging.WARNING
    assert warning.exc_info is None
    assert trace.levelno == logging.DEBUG
    assert trace.exc_info


def test_a_figure_that_cannot_be_written_leaves_no_file(
    payload: Payload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(self: Figure, path: Path, **_: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    assert orchestrator.handle_event(config("losses"), FAMILIES, "on_train_end", payload) == []
    assert list((Path(payload["run_dir"]) / "figures").iterdir()) == []


@pytest.mark.parametrize("broken", [{"fig_format": "nonsense"}, {"dpi": -1}])
def test_impossible_settings_do_not_raise(broken: dict[str, Any], payload: Payload) -> None:
    settings = config("losses", **broken)
    assert orchestrator.handle_event(settings, FAMILIES, "on_train_end", payload) == []


def test_an_event_without_data_draws_nothing_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = {"run_dir": tmp_path, "epoch": None, "histories": None}
    paths = orchestrator.handle_event(config(*FAMILIES), FAMILIES, "on_train_end", empty)
    assert paths == []
    assert not [r for r in caplog.records if r.name == "engine.monitoring"]
    assert not (tmp_path / "figures").exists()


# What is drawn


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


# What is loaded


def test_nothing_heavy_is_loaded_until_a_figure_is_due(tmp_path: Path) -> None:
    code = f"""
import sys
from engine.monitoring.orchestrator import handle_event
settings = {{"families": {{"losses": {{"enabled": True}}}}}}
event = {{"run_dir": {str(tmp_path)!r}, "epoch": 0, "histories": {{"train_loss": [1.0]}}}}
assert handle_event(settings, {{"losses"}}, "on_epoch_end", event) == []
print([name for name in ("matplotlib", "numpy", "torch") if name in sys.modules])
assert handle_event(settings, {{"losses"}}, "on_train_end", event)
print([name for name in ("matplotlib.pyplot", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
