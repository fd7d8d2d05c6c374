"""Columns, order, groups, and how values are written."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.library.summary import Number, RunSummary
from engine.tables import units
from engine.tables.cells import Progress, Spread, are_same, as_number, identity, machine, show
from engine.tables.groups import (
    differing_keys,
    says_where,
    seed_groups,
    spread,
    telling_keys,
    value_of,
)
from engine.tables.keys import FIELDS, Vocabulary
from engine.tables.measures import has_best
from engine.tables.record import head, record
from engine.tables.table import chosen, group_table, run_table, sort_runs

NOW = 1_800_000_000.0


def run(name: str, config: dict[str, Any] | None = None, **fields: Any) -> RunSummary:
    return RunSummary(f"/outputs/runs/{name}", name, config=config or {}, **fields)


def trained(seed: int, space: str, lr: float, loss: float | None, **fields: Any) -> RunSummary:
    """A run with a config like those of this project."""
    config = {
        "phase1.encoder._target_": "engine.mlp.MLP",
        "phase1.latent_space._target_": f"engine.{space}.Space",
        "phase1.trainer.lr": lr,
        "phase1.trainer.seed": seed,
        "env.output_root": f"/somewhere/{seed}",
    }
    if space == "vq":
        config["phase1.latent_space.codebook_size"] = 512
    numbers = {} if loss is None else {"val_loss": Number(loss, 9, 9, loss, 9, 9)}
    fields = {
        "state": "finished",
        "duration_s": 60.0,
        "overrides": (f"phase1.trainer.lr={lr}",),
    } | fields
    name = f"{space}_{lr}_{seed}"
    return run(name, config, seed=seed, latent_space=space, numbers=numbers, **fields)


GRID = [
    trained(seed, space, lr, seed + lr + (space == "vq"), started=NOW - 100 * seed)
    for space in ("none", "vq")
    for lr in (0.1, 0.01)
    for seed in (1, 2, 4)
]


def column(table: Any, title: str) -> list[Any]:
    number = table.titles.index(title)
    return [row.values[number] for row in table.rows]


def test_the_default_columns_are_what_differs_and_how_it_went() -> None:
    table = run_table(GRID, now=NOW)
    assert table.titles == (
        *("state", "name", "latent_space", "lr", "seed"),
        *("progress", "val_loss", "age", "duration"),
    )
    assert table.left_out == ()
    alone = run_table(GRID[:1], now=NOW)
    assert alone.titles == ("state", "name", "progress", "val_loss", "age", "duration")


def test_an_unfinished_a_tested_and_a_broken_run_have_columns_of_their_own() -> None:
    runs = [
        trained(1, "none", 0.1, 1.0, eta_s=30.0, results={"test_loss": 1.5}),
        run("bad", problem="no permission"),
    ]
    table = run_table(runs, now=NOW)
    assert table.titles[-6:] == ("val_loss", "test_loss", "eta", "age", "duration", "problem")
    assert column(table, "state") == ["finished", "broken"]
    assert column(table, "problem") == [None, "no permission"]


def test_what_there_is_no_room_for_is_named() -> None:
    runs = [run(f"r{n}", {f"a.key_{k}": n * k for k in range(8)}) for n in range(2)]
    table = run_table(runs, now=NOW)
    assert [title for title in table.titles if title.startswith("key_")] == [
        f"key_{k}" for k in range(1, 6)
    ]
    assert table.left_out == ("key_6", "key_7")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], ["a", "b"]),
        (["c", "a"], ["c", "a"]),
        (["+c"], ["a", "b", "c"]),
        (["-a", "+c"], ["b", "c"]),
        (["c", "+b", "c"], ["c", "b"]),
    ],
)
def test_columns_are_chosen_added_and_taken_away(asked: list[str], expected: list[str]) -> None:
    assert chosen(asked, ["a", "b"]) == expected


def test_a_wrong_column_is_an_error_with_a_guess() -> None:
    with pytest.raises(ConfigError, match="val_loss"):
        run_table(GRID, ["val_los"])
    with pytest.raises(ConfigError, match="no column"):
        chosen(["-a"], ["a"])


VALUES = st.none() | st.floats() | st.integers(-5, 5)


@settings(deadline=None)
@given(st.lists(VALUES), st.booleans(), st.randoms())
def test_sorting_puts_the_missing_last_and_keeps_the_order_of_equals(
    values: list[float | None], down: bool, shuffle: random.Random
) -> None:
    runs = [run(f"r{n}", {"x": value}) for n, value in enumerate([*values, 3])]
    shuffle.shuffle(runs)
    ordered = sort_runs(runs, ["-x" if down else "x"], Vocabulary(runs))
    numbers = [as_number(r.config["x"]) for r in ordered]
    there = [number for number in numbers if number is not None]
    assert numbers == [*sorted(there, reverse=down), *[None] * (len(numbers) - len(there))]
    places = {id(r): place for place, r in enumerate(runs)}
    for a, b in itertools.pairwise(ordered):
        if as_number(a.config["x"]) == as_number(b.config["x"]):
            assert places[id(a)] < places[id(b)]


def test_what_a_table_is_sorted_by_is_a_column_once_unless_columns_are_named() -> None:
    before = run_table(GRID, now=NOW).titles
    assert run_table(GRID, sort=["-host", "lr", "-started"], now=NOW).titles == (*before, "host")
    assert run_table(GRID, sort=["phase1.trainer.lr"], now=NOW).titles == before
    assert run_table(GRID, ["name"], ["host"], now=NOW).titles == ("name",)
    grouped = [group_table(GRID, ["latent_space"], sort=sort, now=NOW) for sort in ([], ["lr"])]
    assert grouped[1].titles == (*grouped[0].titles, "lr")


def test_the_first_sort_key_counts_most_and_text_comes_after_numbers() -> None:
    table = run_table(GRID, ["latent_space", "lr", "seed"], ["-latent_space", "lr", "-seed"])
    assert [row.values for row in table.rows[:4]] == [
        ("vq", 0.01, 4),
        ("vq", 0.01, 2),
        ("vq", 0.01, 1),
        ("vq", 0.1, 4),
    ]
    mixed = [run(str(n), {"x": x}) for n, x in enumerate(["b", 2, "A", 1])]
    keys = Vocabulary(mixed)
    assert [r.config["x"] for r in sort_runs(mixed, ["x"], keys)] == [1, 2, "A", "b"]
    assert [r.config["x"] for r in sort_runs(mixed, ["-x"], keys)] == [2, 1, "b", "A"]


def test_runs_that_differ_in_the_seed_alone_become_one_row() -> None:
    table = group_table(GRID, now=NOW)
    assert table.titles == ("latent_space", "lr", "runs", "state", "val_loss", "duration")
    assert len(table.rows) == 4
    assert column(table, "runs") == [3, 3, 3, 3]
    assert column(table, "state") == ["finished"] * 4
    losses = {row.values[:2]: row.values[4] for row in table.rows}
    expected = [1 + 0.01 + 1, 2 + 0.01 + 1, 4 + 0.01 + 1]
    found = losses["vq", 0.01]
    assert found.mean == pytest.approx(statistics.mean(expected))
    assert found.std == pytest.approx(statistics.stdev(expected))
    assert found.n == 3


def test_a_run_without_a_config_stands_alone_among_seeds() -> None:
    unknown = [run("broken", problem="damaged"), run("queued", state="queued")]
    assert [len(group) for group in seed_groups([*GRID[:3], *unknown, GRID[3]])] == [3, 1, 1, 1]
    table = group_table([*GRID[:3], *unknown], ["state"], now=NOW)
    assert column(table, "runs") == [3, 1, 1]
    assert [row.values[0] for row in group_table([*GRID[:3], *unknown]).rows] == [3, 1, 1]


def test_rows_of_seeds_that_differ_in_epochs_say_so() -> None:
    runs = [trained(seed, "vq", 0.1, 1.0) for seed in (1, 2, 3)]
    for one, epochs in zip(runs, (5, 5, 9), strict=True):
        one.epochs = one.config["phase1.trainer.epochs"] = epochs
    assert column(group_table(runs), "epochs") == [5, 9]


ALIKE = [[1, 1.0], [True], ["1"], [None], ["null"], ["true"], [[1, 2], [1.0, 2]], [[True, 2]]]
"""Values that are the same, together."""


def test_values_are_the_same_by_one_rule_for_groups_and_differences() -> None:
    values = [(number, value) for number, same in enumerate(ALIKE) for value in same]
    values += [(0, 1), (3, None), (len(ALIKE), {"a": 1}), (len(ALIKE) + 1, {"a": True})]
    values += [(len(ALIKE) + 2, math.nan), (len(ALIKE) + 2, -math.nan)]
    for (number, value), (other, another) in itertools.product(values, values):
        assert are_same(value, another) == (number == other), (value, another)
        assert (identity(value) == identity(another)) == (number == other)
        runs = [run("a", {"x": value}), run("b", {"x": another})]
        assert bool(differing_keys(runs)) == (number != other)
        assert len(group_table(runs, ["x"]).rows) == 1 + (number != other)


def test_a_record_has_every_key_and_says_broken_of_what_is() -> None:
    broken = run("bad", problem="damaged", started=NOW - 60)
    told = record(broken, NOW)
    assert told.keys() == {*FIELDS, "age", "numbers", "results", "config"}
    assert (told["state"], told["age"]) == ("broken", 60.0)
    assert head(broken) == {key: told[key] for key in ("name", "path", "state")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("train_loss", True), ("val_loss", True), ("test_id_accuracy", True)),
        *(("lr", False), ("train_token_mse", False), ("baseline_val_loss", False)),
        *(("best_epoch", False), ("throughput", False), ("lrp_score", True)),
        *(("discriminator_accuracy", False), ("test_critic_loss", False), ("prior_loss", False)),
        *(("adversarial_loss", False), ("test_ttH_discriminator_score_auroc", True)),
    ],
)
def test_some_numbers_have_no_best(name: str, expected: bool) -> None:
    assert has_best(name) == expected


def test_groups_share_their_keys_and_count_their_states() -> None:
    runs = [*GRID, trained(7, "vq", 0.1, None, state="failed")]
    table = group_table(runs, ["latent_space"], sort=["-val_loss"], now=NOW)
    assert table.titles == ("latent_space", "runs", "state", "val_loss", "duration")
    assert column(table, "latent_space") == ["vq", "none"]
    assert column(table, "runs") == [7, 6]
    assert column(table, "state") == ["6 of 7 done, 1 failed", "finished"]
    assert [value.n for value in column(table, "val_loss")] == [6, 6]
    wide = group_table(runs, ["latent_space", "lr"], ["lr", "seed", "val_loss.last"], ["lr"])
    assert column(wide, "lr") == [0.01, 0.01, 0.1, 0.1]
    assert column(wide, "seed") == [None] * 4


@given(st.lists(st.floats(allow_nan=True) | st.none() | st.integers(-(10**6), 10**6)))
def test_the_spread_is_of_the_finite_numbers(values: list[Any]) -> None:
    finite = [float(v) for v in values if v is not None and math.isfinite(v)]
    finite = finite if all(abs(v) < 1e100 for v in finite) else []
    found = spread(finite)
    if not finite:
        assert found is None
        return
    assert found == spread([*finite, None, math.nan, "x", True])
    assert found is not None
    assert found.mean == pytest.approx(sum(finite) / len(finite), abs=1e-9 * max(map(abs, finite)))
    assert (found.std is None) == (len(finite) == 1)


CONFIGS = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b.c", "b.d", "env.output_root", "data.root"]),
        st.sampled_from([None, 1, 2, "x", [1]]),
        min_size=1,
    ),
    min_size=1,
    max_size=5,
)


@given(CONFIGS)
def test_keys_differ_where_some_run_has_another_value_or_none(configs: list[dict]) -> None:
    runs = [run(f"r{n}", config) for n, config in enumerate(configs)]
    gone = object()
    paths = {path for config in configs for path in config if not says_where(path)}
    expected = {
        path
        for path in paths
        if any(c.get(path, gone) != configs[0].get(path, gone) for c in configs)
    }
    found = differing_keys(runs)
    assert set(found) == expected
    assert len(found) == len(expected)
    assert differing_keys([*runs, run("unknown")]) == found


def test_a_key_that_comes_with_a_component_tells_nothing_and_one_set_by_hand_comes_first() -> None:
    assert "phase1.latent_space.codebook_size" in differing_keys(GRID)
    keys = ["latent_space", "phase1.trainer.lr", "phase1.trainer.seed"]
    assert telling_keys(GRID, 5) == (keys, [])
    assert telling_keys(GRID, 2) == (keys[:2], keys[2:])


def test_how_a_run_was_trained_comes_after_what_was_trained() -> None:
    words = ("device=cpu", "run.resume=auto", "phase1.trainer.seed=1")
    here = {"device": "cpu", "run.resume": "auto", "phase1.trainer.seed": 1, "phase1.dropout": 0.1}
    there = here | {"device": "cuda", "run.resume": "never", "phase1.trainer.seed": 2}
    runs = [
        run("a", here, overrides=words, asked=here),
        run("b", there | {"phase1.dropout": 0.2}, asked=here),
    ]
    keys = ["phase1.trainer.seed", "phase1.dropout", "device", "run.resume"]
    assert telling_keys(runs, 5) == (keys, [])


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(st.lists(PATHS, unique=True), st.lists(st.sampled_from("abc"), unique=True))
def test_a_short_name_means_its_key_and_no_shorter_one_does(
    paths: list[str], numbers: list[str]
) -> None:
    fields = {"numbers": {name: Number(1, 1, 1, 1, 1, 1) for name in numbers}}
    keys = Vocabulary([run("r", dict.fromkeys(paths, 1), **fields)])
    for path in paths:
        short = keys.short(path)
        assert keys.find(short).name == path
        parts = short.split(".")[1:]
        for n_parts in range(1, len(parts) + 1):
            shorter = ".".join(parts[-n_parts:])
            try:
                assert keys.find(shorter).name != path
            except ConfigError:
                continue  # means several, or nothing


def test_the_trainers_settings_come_before_metrics_and_metrics_before_the_rest() -> None:
    config = {"phase1.trainer.lr": 0.1, "ae.loss_weights.token_mse": 1.0}
    numbers = {name: Number(7.0, 1, 1, 5.0, 1, 1) for name in ("lr", "token_mse")}
    only = run("r", config, numbers=numbers)
    keys = Vocabulary([only])
    names = ("lr", "lr.best", "lr.last", "token_mse", "loss_weights.token_mse")
    assert [keys.find(name).read(only) for name in names] == [0.1, 5.0, 7.0, 5.0, 1.0]
    assert keys.short("phase1.trainer.lr") == "lr"
    assert keys.short("ae.loss_weights.token_mse") == "loss_weights.token_mse"


def test_every_field_of_a_summary_can_be_asked_for() -> None:
    full = run("r", state="lost", epochs=3, epochs_done=1, max_memory_mib=2.0, started=NOW - 60)
    keys = Vocabulary([full], NOW)
    values = {name: keys.find(name).read(full) for name in [*FIELDS, "age"]}
    assert values["memory"] == 2 * 2**20
    assert (values["age"], values["progress"]) == (60.0, (1, 3))
    others = {"numbers", "results", "config", "asked", "begun", "usual_gap_s", "job_over", "schedd"}
    known = set(RunSummary.__dataclass_fields__) - others
    suffixed = {"duration_s", "epoch_time_s", "eta_s", "size_bytes", "max_memory_mib", "job_id"}
    renamed = {"tags", "git_commit", "n_parameters"}
    assert known - suffixed - renamed <= set(values)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("metric", 0.123456, "0.1235"),
        ("metric", 1.27, "1.270"),
        ("metric", 1234567.0, "1.235e+06"),
        ("number", 42, "42"),
        ("any", 0.001, "0.001"),
        ("any", [128, 64], "[128,64]"),
        ("any", True, "yes"),
        ("any", None, ""),
        ("any", math.nan, "NaN"),
        ("text", "\x1b[31mred\n", "red "),
        ("words", ("a", "b"), "a, b"),
        ("duration", 4.24, "4.2s"),
        ("duration", 59.97, "1m 00s"),
        ("duration", 725, "12m 05s"),
        ("duration", 12_000, "3h 20m"),
        ("duration", 187_300, "2d 04h"),
        ("age", 3, "now"),
        ("age", 3_599, "59m"),
        ("age", 200_000, "2d"),
        ("size", 0, "0 B"),
        ("size", 12_345, "12.3 kB"),
        ("size", 1_200_000_000, "1.20 GB"),
        ("size", 999_600, "1.00 MB"),
        ("number", Progress(3, 20), "3/20"),
        ("number", Progress(3, None), "3"),
        ("metric", Spread(0.12345, 0.00123, 3), "0.1235 ± 0.0012"),
        ("metric", Spread(1234.5, 67.8, 3), "1234 ± 68"),
        ("metric", Spread(0.5, None, 1), "0.5000"),
        ("metric", Spread(0.5, 0.0, 2), "0.5 ± 0"),
        ("metric", Spread(1e9, 1e7, 2), "1e+09 ± 1e+07"),
        ("duration", Spread(60.0, 4.2, 2), "1m 00s ± 4.2s"),
    ],
)
def test_values_are_written_for_people(kind: str, value: Any, expected: str) -> None:
    assert show(kind, value) == expected


def test_values_for_programs_are_exact() -> None:
    assert machine("time", 0.0) == "1970-01-01T00:00:00.000+00:00"
    assert machine("time", 1e300) is None
    assert machine("metric", 0.1234567890123) == 0.1234567890123
    assert machine("number", Progress(1, 2)) == "1/2"


@given(st.floats(0, 8e8))
def test_a_time_span_that_is_shown_can_be_typed(seconds: float) -> None:
    shown = units.show_duration(seconds)
    assert units.read_duration(shown) == pytest.approx(seconds, rel=0.05, abs=0.05 + 1e-9)


@given(st.integers(0, 10**17))
def test_a_size_that_is_shown_can_be_typed(n_bytes: int) -> None:
    assert units.read_size(units.show_size(n_bytes)) == pytest.approx(n_bytes, rel=0.01, abs=0.5)


@given(st.floats() | st.integers())
def test_every_number_can_be_shown(value: float) -> None:
    forms = (units.show_number, units.show_measured, units.show_duration, units.show_age)
    for form in (*forms, units.show_size, units.show_time):
        assert 0 < len(form(value)) < 400
    shown = as_number(value)
    assert all(len(show(kind, shown or 0.0)) <= 24 for kind in ("metric", "duration", "size"))


@pytest.mark.parametrize("text", ["", "x", "1x", "1h x", "h", "nan", "inf", "1_000", "1e999"])
def test_what_is_no_span_size_or_number_is_refused(text: str) -> None:
    for read in (units.read_duration, units.read_size, units.read_number):
        with pytest.raises(ValueError, match="write a"):
            read(text)


def test_a_mean_is_made_of_the_finished_runs_and_of_all_where_none_has_finished() -> None:
    done = [trained(seed, "vq", 0.1, loss) for seed, loss in ((1, 1.0), (2, 3.0))]
    lost = trained(3, "vq", 0.1, 90.0, state="lost")
    runs, key = [*done, lost], Vocabulary([*done, lost]).find("val_loss")
    assert value_of(key, runs) == Spread(2.0, math.sqrt(2), 2)
    assert value_of(key, [lost, replace(lost, seed=4)]) == Spread(90.0, 0.0, 2)
