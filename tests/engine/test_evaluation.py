"""Evaluation: areas, rejections and residuals against what can be counted by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from engine.architectures.autoencoder.losses.reconstruction import (
    id_cross_entropy,
    id_cross_entropy_of_events,
    token_mse,
    token_mse_of_events,
)
from engine.architectures.autoencoder.outputs import Reconstruction
from engine.data.batches import TensorBatches
from engine.data.fields import EventBatch
from engine.data.normalisation import Normaliser
from engine.errors import ConfigError, DataError, EngineError, TrainingError
from engine.evaluation.classes import choose_classes
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.outcome import Outcome
from engine.evaluation.ranking import auroc, rejection, roc_curve
from engine.evaluation.residuals import difference, feature_errors, wrapped

NAMES = {1: "tttt", 2: "ttH", 3: "ttW", 4: "ttWW", 5: "ttZ"}
RISING = {
    "exponential": lambda x: math.exp(x / 10),
    "cube": lambda x: x**3,
    "line": lambda x: 3 * x - 7,
    "arctangent": math.atan,
}

# Few distinct values, so that ties are frequent.
scores = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=30).map(np.array)
efficiencies = st.floats(0.01, 1.0)


@settings(max_examples=60, deadline=None)
@given(signal=scores, background=scores)
def test_the_area_is_the_share_of_pairs_in_the_right_order(signal: Any, background: Any) -> None:
    pairs = [(s > b) + 0.5 * (s == b) for s in signal for b in background]
    assert auroc(signal, background)[0] == pytest.approx(np.mean(pairs), abs=1e-12)
    kept, passed = roc_curve(signal, background)
    under = np.sum(np.diff(passed) * (kept[1:] + kept[:-1]) / 2)
    assert under == pytest.approx(np.mean(pairs), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(signal=scores, background=scores)
def test_the_error_of_the_area_is_that_of_delong(signal: Any, background: Any) -> None:
    won = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    error = auroc(signal, background)[1]
    if min(won.shape) < 2:
        assert math.isnan(error)
        return
    rows, columns = won.mean(axis=1), won.mean(axis=0)
    variance = rows.var(ddof=1) / len(signal) + columns.var(ddof=1) / len(background)
    assert error == pytest.approx(math.sqrt(variance), abs=1e-9)


def test_the_error_of_the_area_is_its_spread_over_repetitions() -> None:
    rng = np.random.default_rng(0)
    told = [auroc(rng.normal(0.5, 1, 150), rng.normal(0, 1, 100)) for _ in range(300)]
    areas, errors = np.array(told).T
    assert areas.std() == pytest.approx(errors.mean(), rel=0.15)


@settings(max_examples=60, deadline=None)
@given(signal=scores, background=scores, wanted=efficiencies)
def test_the_rejection_is_that_of_the_tightest_cut_that_keeps_enough(
    signal: Any, background: Any, wanted: float
) -> None:
    told = rejection(signal, background, wanted)
    enough = [cut for cut in signal if np.mean(signal >= cut) >= wanted - 1e-9]
    kept, passed = np.mean(signal >= max(enough)), np.mean(background >= max(enough))
    assert (told.signal_efficiency, told.background_efficiency) == (kept, passed)
    if passed:
        assert told.rejection == pytest.approx(1 / passed)
        n_passed, total = np.sum(background >= max(enough)), len(background)
        relative = math.sqrt((1 - n_passed / total) / n_passed)
        assert told.error == pytest.approx(told.rejection * relative, abs=1e-9)
    else:
        assert told.rejection == math.inf
        # So small an efficiency would pass nothing in just 5 % of the repetitions.
        assert (1 - 1 / told.at_least) ** len(background) == pytest.approx(0.05)


@pytest.mark.parametrize("rising", RISING.values(), ids=RISING.keys())
@settings(max_examples=20, deadline=None)
@given(signal=scores, background=scores)
def test_only_the_order_of_the_scores_counts(rising: Any, signal: Any, background: Any) -> None:
    moved = [np.array([rising(value) for value in values]) for values in (signal, background)]
    assert np.array_equal(auroc(signal, background), auroc(*moved), equal_nan=True)
    before, after = rejection(signal, background, 0.5), rejection(*moved, 0.5)
    assert repr(before) == repr(after)


@settings(max_examples=40, deadline=None)
@given(angle=st.floats(-3.1, 3.1), error=st.floats(-3.1, 3.1), turns=st.integers(-2, 2))
def test_angles_differ_by_the_short_way_round(angle: float, error: float, turns: int) -> None:
    made = np.array([angle + error + turns * 2 * math.pi])
    assert difference(made, np.array([angle]), "rad") == pytest.approx(error, abs=1e-9)
    assert -math.pi <= wrapped(made)[0] < math.pi


def test_errors_are_in_physical_units() -> None:
    truth = np.array([[100.0, 3.1], [200.0, -3.1], [300.0, 0.0]])
    made = truth + np.array([[10.0, 0.1], [10.0, -0.1], [10.0, 0.0]])
    made[:, 1] = wrapped(made[:, 1])
    energy, phi = feature_errors(["E", "phi"], ["GeV", "rad"], truth, made)
    assert (energy.median, energy.mean_abs, energy.rms) == pytest.approx((10, 10, 10))
    assert energy.sigma68 == pytest.approx(0)
    assert (phi.median, phi.mean_abs) == pytest.approx((0, 0.2 / 3), abs=1e-9)


def random_events(n_events: int = 7) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 4, (n_events, 5), generator=generator)
    ids[0] = 0
    tokens = torch.randn(n_events, 5, 2, generator=generator) * (ids > 0).unsqueeze(-1)
    made = torch.randn(n_events, 5, 2, generator=generator)
    logits = torch.randn(n_events, 5, 4, generator=generator)
    return tokens, ids, made, logits


def test_the_error_of_an_event_is_the_loss_of_a_batch_of_it_alone() -> None:
    tokens, ids, made, logits = random_events()
    each = token_mse_of_events(made, tokens, ids > 0), id_cross_entropy_of_events(logits, ids)
    for event in range(len(ids)):
        one = slice(event, event + 1)
        alone = token_mse(made[one], tokens[one], ids[one] > 0)
        assert float(each[0][event]) == pytest.approx(float(alone), rel=1e-6)
        alone = id_cross_entropy(logits[one], ids[one])
        assert float(each[1][event]) == pytest.approx(float(alone), rel=1e-6)


def test_padding_and_the_order_of_objects_never_change_an_error() -> None:
    tokens, ids, made, logits = random_events()
    padding = (ids == 0).unsqueeze(-1)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(2))
    before = token_mse_of_events(made, tokens, ids > 0), id_cross_entropy_of_events(logits, ids)
    made, logits = made.masked_fill(padding, 9.0), logits.masked_fill(padding, 9.0)
    tokens, ids, made, logits = (one[:, order] for one in (tokens, ids, made, logits))
    after = token_mse_of_events(made, tokens, ids > 0), id_cross_entropy_of_events(logits, ids)
    assert torch.allclose(torch.stack(before), torch.stack(after))


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        (None, ["ttH", "ttZ"]),
        (["tttt"], ["tttt"]),
        ([2, "5"], ["ttH", "ttZ"]),
        (["ttWW", "ttZ"], ["ttZ"]),
    ],
)
def test_classes_are_named_or_numbered(background: Any, expected: list[str]) -> None:
    classes = choose_classes(np.array([1, 1, 2, 5]), NAMES, background)
    assert list(classes.background) == expected
    assert set(classes.all) == {"tttt", "ttH", "ttZ"}


def test_classes_keep_their_order_whatever_the_background_is() -> None:
    labels = np.array([1, 2, 3, 5])
    orders = [list(choose_classes(labels, NAMES, [one]).all) for one in ("tttt", "ttW", "ttZ")]
    assert orders == [["tttt", "ttH", "ttW", "ttZ"]] * 3


def test_a_class_without_a_name_is_called_by_its_number() -> None:
    classes = choose_classes(np.array([0, 1, 7]), {}, None)
    assert (classes.signal, classes.background) == ({"0": 0}, {"1": 1, "7": 7})


@pytest.mark.parametrize(
    ("background", "kind", "words"),
    [
        (["tt"], ConfigError, "there is no class tt; choose from tttt, ttH"),
        (["ttW"], DataError, "no event is of a background class (ttW); the events have tttt, ttH"),
        ([], DataError, "no event is of a background class (none)"),
        (["tttt", "ttH"], ConfigError, "takes every class of the events (tttt, ttH)"),
    ],
)
def test_classes_that_make_no_sense_are_told(
    background: Any, kind: type[EngineError], words: str
) -> None:
    with pytest.raises(kind) as told:
        choose_classes(np.array([1, 2]), NAMES, background)
    assert words in told.value.message


class Shifted:
    """An objective that moves every feature by `shift` and scores events by their first object."""

    def __init__(self, shift: float) -> None:
        self.model = nn.Identity()
        self.shift = shift

    def outcome(self, batch: EventBatch) -> Outcome:
        logits = nn.functional.one_hot(batch.tokens_id, 4).float()
        made = Reconstruction(batch.tokens_cont + self.shift, logits, batch.globals + self.shift)
        return Outcome({"energy": batch.tokens_cont[:, 0, 0], "none": batch.globals[:, 0]}, made)


def evaluated(shift: float = 0.0, **changes: Any) -> Evaluation:
    """The evaluation of seven events of energies and angles of which three are signal."""
    tokens, ids, *_ = random_events()
    ids[:, 0] = 1
    ones = Normaliser(torch.tensor([50.0, 0.0]), torch.tensor([20.0, 1.0]), torch.zeros(2).bool())
    meta = {
        "labels": {"test": torch.tensor([1, 1, 1, 2, 2, 5, 5])},
        "class_names": NAMES,
        "features": ["E", "phi"],
        "units": ["GeV", "rad"],
        "global_features": ["MET", "MET_phi"],
        "global_units": ["GeV", "rad"],
        "type_names": ["padding", "jet", "e-", "mu-"],
        "token_normaliser": ones,
        "global_normaliser": ones,
    }
    batches = TensorBatches((tokens, ids, torch.zeros(7, 2)), EventBatch, 3)
    result = evaluate(Shifted(shift), batches, meta | changes, None)
    assert result is not None
    return result


def test_an_evaluation_has_every_number_under_its_name() -> None:
    metrics = evaluated(0.1).metrics()
    names = {"auroc", "auroc_error", "rejection_at_30", "rejection_at_50", "rejection_at_70"}
    both = {f"tttt_{name}" for name in names} | {f"tttt_none_{name}" for name in names}
    errors = {"error_E", "error_phi", "error_MET", "error_MET_phi"}
    assert set(metrics) <= both | errors  # a rejection may be infinite
    assert errors | {"tttt_auroc", "tttt_none_auroc"} <= set(metrics)
    assert metrics["tttt_none_auroc"] == 0.5  # all have the same score
    assert metrics["error_E"] == pytest.approx(2.0, rel=1e-5)
    assert metrics["error_MET_phi"] == pytest.approx(0.1, rel=1e-5)


def test_the_same_events_back_have_no_error() -> None:
    record = evaluated().record()
    assert [one["rms"] for one in record["features"] + record["globals"]] == [0, 0, 0, 0]
    assert record["id_accuracy"] == 1
    assert record["background"] == {"ttH": 2, "ttZ": 2}


@pytest.mark.parametrize("changes", [{"labels": {}}, {"labels": {"test": torch.full((7,), 2)}}])
def test_without_classes_to_compare_the_rest_is_measured(changes: dict[str, Any]) -> None:
    result = evaluated(0.1, **changes)
    assert result.no_scores is not None
    assert set(result.metrics()) == {"error_E", "error_phi", "error_MET", "error_MET_phi"}
    assert result.record()["scores"] == {}


def test_a_score_that_is_not_finite_is_told() -> None:
    objective = Shifted(0.0)
    tokens, ids, *_ = random_events()
    tokens[2, 0, 0] = torch.nan
    batches = TensorBatches((tokens, ids, torch.zeros(7, 2)), EventBatch, 3)
    with pytest.raises(TrainingError, match="the score energy is not finite for 1 of 7 events"):
        evaluate(objective, batches, {}, None)


def test_who_is_asked_to_stop_evaluates_no_further() -> None:
    tokens, ids, *_ = random_events()
    batches = TensorBatches((tokens, ids, torch.zeros(7, 2)), EventBatch, 3)
    assert evaluate(Shifted(0.0), batches, {}, None, lambda: True) is None
