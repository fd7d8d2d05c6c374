"""From runs and a view to the rows of the table."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import ConfigError, FactsError
from engine.library.find import walk
from engine.library.summary import Number, RunSummary
from engine.tables.keys import Key
from tui.look import Look
from tui.table.columns import Spec, fitting, gutter
from tui.table.keys import MEAN, SEEN, SMOOTH, Words
from tui.table.row_cells import CellScene, cell, common_beginning, cut, text_of, value
from tui.table.rows import Arranged, Arranger, View
from tui.table.sparks import smoothed, sparkline, thinned
from tui.table.summary_lines import info, notice
from tui.table.tree import Row

NOW = 1_800_000_000.0


def make(number: int, **fields: object) -> RunSummary:
    """A run that has finished, of an encoder, a learning rate and a seed."""
    seed = number % 3
    run = RunSummary(f"/runs/run_{number:03}", f"run_{number:03}", state="finished")
    run.encoder = "gnn" if number % 2 else "mlp"
    run.config = {
        "phase1.trainer.lr": 0.1 if number < 6 else 0.01,
        "phase1.trainer.seed": seed,
        "phase1.encoder.hidden": 8 if number % 2 else 9,
    }
    run.seed, run.epochs, run.epochs_done = seed, 10, 10
    run.started, run.updated = NOW - 1000 + number, NOW - 500 + number
    loss = 1 / (number + 1)
    run.numbers = {"val_loss": Number(loss * 2, 10, 9, loss, 9, 8)}
    for name, given_value in fields.items():
        setattr(run, name, given_value)
    return run


RUNS = tuple(make(number) for number in range(12))


def arranged(view: View, runs: tuple[RunSummary, ...] = RUNS) -> Arranged:
    return Arranger().arrange(runs, view, NOW)


def names(result: Arranged) -> list[str]:
    return [row.run.name if row.kind == "run" else row.label for row in result.rows]


def test_the_newest_run_stands_first() -> None:
    assert names(arranged(View()))[:2] == ["run_011", "run_010"]


def test_a_filter_leaves_the_runs_that_match_and_counts_all() -> None:
    result = arranged(View(filter="encoder=gnn lr=0.1"))
    assert names(result) == ["run_005", "run_003", "run_001"]
    assert result.n_listed == 12


def test_a_filter_that_matches_nothing_comes_with_advice() -> None:
    result = arranged(View(filter="encoder=gnm"))
    assert not result.rows
    assert "gnn" in result.advice


def test_a_filter_with_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no run here has a key"):
        arranged(View(filter="nonsense=1"))


def test_runs_are_sorted_by_any_key() -> None:
    assert names(arranged(View(sort=("val_loss",))))[0] == "run_011"
    assert names(arranged(View(sort=("-val_loss.last",))))[0] == "run_000"
    assert names(arranged(View(sort=(SEEN,))))[0] == "run_011"


def test_runs_are_sorted_by_their_smoothed_course() -> None:
    ends = {run.path: float(number) for number, run in enumerate(RUNS)}
    result = Arranger(ends.__getitem__).arrange(RUNS, View(sort=(f"-{SMOOTH}",)), NOW)
    assert names(result)[0] == "run_011"


def test_an_unknown_order_is_told_and_the_runs_are_shown_all_the_same() -> None:
    result = arranged(View(sort=("nonsense",), columns=("name", "nothing"), by=("nowhere",)))
    assert len(result.rows) == 12
    assert "nonsense" in result.problem
    assert result.names == ("name",)


def test_columns_tell_what_the_runs_differ_in_and_nothing_else() -> None:
    result = arranged(View())
    assert result.telling == ("encoder", "lr", "seed", "hidden")
    same = tuple(make(number) for number in (0, 6))
    assert "encoder" not in arranged(View(), same).names


def test_columns_stay_while_a_filter_is_typed() -> None:
    arranger = Arranger()
    before = arranger.arrange(RUNS, View(), NOW).names
    typed = View(filter="encoder=gnn")
    assert arranger.arrange(RUNS, typed, NOW, keep=True).names == before
    assert "encoder" not in arranger.arrange(RUNS, typed, NOW).names


def test_hidden_and_archived_runs_are_left_out_until_they_are_asked_for() -> None:
    runs = (*RUNS[:10], make(10, archived=True), RUNS[11])
    view = View(hidden=frozenset({RUNS[0].path}))
    result = arranged(view, runs)
    assert len(result.rows) == 10
    assert result.n_left_out == 2
    assert len(arranged(replace(view, everything=True), runs).rows) == 12
    assert names(arranged(View(filter="archived=yes"), runs)) == ["run_010"]


def test_pinned_runs_stand_on_top() -> None:
    rows = arranged(View(pinned=frozenset({RUNS[3].path}))).rows
    assert rows[0].run.name == "run_003"
    assert rows[0].is_pinned
    assert len(rows) == 12


def test_groups_hold_groups_and_can_be_closed() -> None:
    view = View(by=("encoder", "lr"))
    result = arranged(view)
    heads = [(row.depth, row.label, len(row.runs)) for row in result.rows if row.kind == "group"]
    assert heads[:3] == [(0, "encoder=gnn", 6), (1, "lr=0.01", 3), (1, "lr=0.1", 3)]
    closed = arranged(replace(view, turned=frozenset({"/encoder=gnn"})))
    assert len(closed.rows) == len(result.rows) - 8
    assert not closed.rows[0].is_open


def test_seeds_of_one_setting_are_one_row_that_opens() -> None:
    result = arranged(View(seeds=True))
    assert [row.label for row in result.rows] == ["3 seeds"] * 4
    opened = arranged(View(seeds=True, turned=frozenset({result.rows[0].id})))
    assert [row.kind for row in opened.rows[:4]] == ["seeds", "run", "run", "run"]
    assert "seed" not in result.names
    assert MEAN in result.names


def test_a_mean_without_the_runs_that_have_not_finished_says_of_how_many_it_is() -> None:
    states = ["finished", "finished", "running", "failed"]
    runs = tuple(make(number, state=state) for number, state in enumerate(states))
    row, whole = Row("g", runs, "seeds"), Row("h", runs[:2], "seeds")
    losses = [run.numbers["val_loss"].best for run in runs]
    assert text_of(key_of(MEAN), row, NOW).endswith(" n=2")
    assert "n=" not in text_of(key_of(MEAN), whole, NOW)
    assert value(key_of("val_loss"), row) == min(losses[:2]) > min(losses)
    told = info(row, View(), 0, {}).plain
    assert "run_001" in told
    assert told.endswith("without the 2 that have not finished")


@pytest.mark.parametrize("down", [False, True])
def test_groups_stand_in_the_order_of_their_values_unless_a_sort_is_chosen(down: bool) -> None:
    runs = tuple(
        make(number, config={"phase1.trainer.lr": rate})
        for number, rate in enumerate([1e-3, 10.0, 2e-4, "auto", 1e-3, None])
    )
    rows = arranged(View(by=("lr",)), runs).rows
    labels = [row.label for row in rows if row.kind == "group"]
    assert labels == ["lr=0.0002", "lr=0.001", "lr=10", "lr=auto", "lr=(none)"]
    by_loss = arranged(View(by=("lr",), sort=("-val_loss" if down else "val_loss",)), runs).rows
    firsts = [row.runs[0].numbers["val_loss"].best for row in by_loss if row.kind == "group"]
    assert firsts == sorted(firsts, reverse=down)


def test_groups_are_sorted_by_their_mean() -> None:
    result = arranged(View(by=("encoder",), sort=(MEAN,)))
    heads = [row for row in result.rows if row.kind == "group"]
    means = [value(key_of(MEAN), row).mean for row in heads]
    assert means == sorted(means)


def test_a_group_shows_its_best_loss() -> None:
    head = arranged(View(by=("encoder",))).rows[0]
    assert value(key_of("val_loss"), head) == 1 / 12


def test_the_first_rows_need_no_run_but_the_newest() -> None:
    def fail() -> RunSummary:
        raise AssertionError("read")

    later = tuple(RunSummary.later(f"/runs/a{n:04}", f"a{n:04}", fail) for n in range(500))
    newest = tuple(make(n, name=f"b{n}") for n in range(100))
    result = Arranger().first((*later, *newest), View(), ["lr"])
    assert len(result.rows) == 600
    assert not result.is_whole
    assert "lr" in result.names


@pytest.mark.parametrize("columns", [("-state", "-name", "-progress"), ("nothing",), ("-name",)])
def test_a_table_has_a_column_whatever_is_asked_for(columns: tuple[str, ...]) -> None:
    bare = tuple(RunSummary(f"/runs/{n}", f"{n}") for n in range(3))
    gone = ("-seen", "-where", "-eta", "-tag", *columns)
    view = View(columns=gone if columns[0].startswith("-") else columns)
    for result in (Arranger().first(bare, view, []), arranged(view, bare)):
        assert len(result.rows) == 3
        assert result.names
        assert len(result.names) == len(result.keys)


def test_the_progress_of_a_group_counts_no_more_than_was_planned() -> None:
    runs = (make(1, epochs_done=25), make(2, epochs=None, epochs_done=40), make(3, epochs_done=5))
    row, result = Row("g", runs, "group"), arranged(View())
    key = result.keys[result.names.index("progress")]
    assert text_of(key, row, NOW) == "15/20"


def test_seeds_stay_open_when_a_run_with_another_path_joins_or_goes() -> None:
    runs = tuple(make(number) for number in (3, 5, 7, 9))
    (before,) = [row for row in arranged(View(seeds=True), runs).rows if row.kind == "seeds"][:1]
    joined = make(1, path="/runs/a", name="a")
    opened = View(seeds=True, turned=frozenset({before.id}))
    for others in ((*runs, joined), (*runs[1:], joined)):
        rows = arranged(opened, others).rows
        assert any(row.id == before.id and row.is_open for row in rows)


def test_seeds_of_one_setting_in_two_groups_are_two_rows() -> None:
    runs = tuple(make(n, state="lost" if n > 9 else "finished") for n in range(6, 14))
    rows = arranged(View(by=("state",), seeds=True), runs).rows
    ids = [row.id for row in rows]
    assert sum(row.kind == "seeds" for row in rows) == 4
    assert len(ids) == len(set(ids))


@given(
    st.sets(st.integers(0, 11)),
    st.sampled_from([(), ("encoder",), ("lr", "encoder"), ("state",)]),
    st.booleans(),
    st.sampled_from(["", "encoder=gnn", "lr=0.1 or seed=2"]),
)
def test_every_run_that_matches_is_in_exactly_one_row(
    pinned: set[int], by: tuple[str, ...], seeds: bool, text: str
) -> None:
    view = View(text, by=by, seeds=seeds, pinned=frozenset(RUNS[n].path for n in pinned))
    result = arranged(view)
    leaves = [row for row in result.rows if row.kind != "group"]
    paths = [run.path for row in leaves for run in row.runs]
    assert sorted(paths) == sorted(run.path for run in result.shown)
    ids = [row.id for row in result.rows]
    assert len(ids) == len(set(ids))


def key_of(name: str) -> Key:
    return Words(RUNS, NOW).find(name)


NAMES = ("state", "name", "encoder", "lr", "progress", "curve", "val_loss", "eta", "seen", "tag")


@given(st.lists(st.integers(0, 60), min_size=10, max_size=10), st.integers(1, 300))
def test_columns_never_need_more_room_than_there_is(contents: list[int], room: int) -> None:
    specs = [
        Spec(name, name, content, name in ("lr", "val_loss"), number, content)
        for number, (name, content) in enumerate(zip(NAMES, contents, strict=True))
    ]
    columns = fitting(specs, room)
    assert columns
    assert all(column.width > 0 or specs[column.number].content == 0 for column in columns)
    last = columns[-1]
    assert last.left + last.width <= max(room, gutter(room) + 1)
    for one, other in itertools.pairwise(columns):
        assert one.left + one.width < other.left


def test_a_narrow_table_keeps_state_name_progress_and_loss() -> None:
    result = arranged(View())
    specs = {"state": 10, "name": 30, "encoder": 3, "progress": 5, "val_loss": 6, "seen": 4}
    from tui.table.columns import rank

    listed = [
        Spec(name, name, width, name == "val_loss", rank(name, result.telling, ()), width)
        for name, width in specs.items()
    ]
    kept = [column.name for column in fitting(listed, 44)]
    assert kept[:2] == ["state", "name"]
    assert {"progress", "val_loss"} <= set(kept)


@pytest.mark.parametrize("width", [60, 70, 80, 90, 100, 120])
def test_runs_of_equal_settings_are_told_apart_by_their_times(width: int) -> None:
    from tui.table.layout import ColumnWidths

    runs = tuple(
        make(n, config={"phase1.trainer.lr": 0.1}, loop="gan_ae" if n > 3 else "ae", seed=1)
        for n in range(6)
    )
    for n, one in enumerate(runs):
        one.name = f"run_20260105-09{30 + n}00_autoencoder_of_tokens"
        one.numbers = {"val_loss": Number(0.5, 10, 9, 0.5, 9, 8)}
        one.updated = NOW
    result, layout, scene = (
        arranged(View(), runs),
        ColumnWidths(),
        CellScene(Look(), NOW, lambda _: (1.0,)),
    )
    layout.measure(result, result.rows, scene)
    columns = layout.columns(result, (), width, Look())
    name = next(column for column in columns if column.name == "name")
    lines = {
        "".join(text for text, _ in cell(key_of("name"), name, row, scene)) for row in result.rows
    }
    assert len(lines) == len(runs)


def test_places_get_no_column() -> None:
    runs = tuple(
        make(n, config={"data.path": f"/data/{n}.h5", "env.output_root": f"/o/{n}"})
        for n in range(4)
    )
    assert not {"path", "data.path", "output_root"} & set(arranged(View(), runs).telling)


@given(st.text(max_size=40), st.integers(0, 40))
def test_a_cut_text_is_no_wider_than_asked_for(text: str, width: int) -> None:
    from rich.cells import cell_len

    assert cell_len(cut(text, width, Look())) <= max(width, 0)


@given(st.lists(st.floats(), max_size=60), st.integers(1, 30))
@example([-2.2250738585e-313, 0.0], 2)
def test_a_sparkline_is_as_long_as_there_are_values_and_room(
    values: list[float], width: int
) -> None:
    line = sparkline(values, width, Look().bars)
    assert len(line) == min(len(values), width)


def test_a_sparkline_shows_a_spike_of_a_single_value() -> None:
    values = [1.0] * 100
    values[42] = 3.0
    line = sparkline(values, 10, "123456789")
    assert line[4] == "9"
    assert set(line) == {"1", "9"}


def test_a_sparkline_of_a_loss_that_starts_far_above_is_not_flat() -> None:
    falling = [1000.0, 900.0, 800.0, *(-n / 10 for n in range(60))]
    assert len(set(sparkline(falling, 20, Look().bars))) >= 6
    decaying = [math.exp(-n / 8) + 0.01 for n in range(100)]
    assert len(set(sparkline(decaying, 20, Look().bars))) >= 6


_HEIGHTS = st.floats(-1e100, 1e100) | st.floats(0.01, 10)


@given(st.lists(_HEIGHTS, min_size=2, max_size=30))
@example([0.2273, 0.1355])
@example([0.227, 0.135, 0.118, 0.109])
@example([1.27, 0.60, 0.48, 0.47])
@example([100.0, *(1 + n / 10 for n in range(12))])
def test_a_sparkline_keeps_the_order_of_values_and_reaches_both_ends(values: list[float]) -> None:
    bars = Look().bars
    steps = [bars.index(bar) for bar in sparkline(values, 30, bars)]
    in_order = sorted(zip(values, steps, strict=True))
    assert [step for _, step in in_order] == sorted(steps)
    assert steps[values.index(min(values))] == 0
    assert min(values) == max(values) or steps[values.index(max(values))] == len(bars) - 1


@given(st.lists(_HEIGHTS, min_size=2, max_size=200, unique=True), st.integers(2, 30))
def test_a_sparkline_of_a_falling_course_falls(values: list[float], width: int) -> None:
    bars = Look().bars
    steps = [bars.index(bar) for bar in sparkline(sorted(values, reverse=True), width, bars)]
    assert steps == sorted(steps, reverse=True)
    assert (steps[0], steps[-1]) == (len(bars) - 1, 0)


@pytest.mark.parametrize(
    ("values", "line"),
    [([0.2273, 0.1355], "█▁"), ([0.227, 0.135, 0.118, 0.109], "█▃▂▁"),
     ([1.27, 0.60, 0.48, 0.47], "█▂▁▁"), ([2.0, 2.0], "▁▁")],
)  # fmt: skip
def test_a_sparkline_of_few_values_shows_all_of_them(values: list[float], line: str) -> None:
    assert sparkline(values, 12, Look().bars) == line


def test_one_value_far_above_leaves_the_others_to_be_told_apart() -> None:
    line = sparkline([100.0, *(-n for n in range(15))], 16, Look().bars)
    assert line[0] == "█"
    assert len(set(line[1:])) >= 7


@given(st.lists(st.floats(), max_size=400))
def test_thinned_values_are_few_and_lose_no_extreme(values: list[float]) -> None:
    few = thinned(values)
    assert len(few) <= 64
    finite = [one for one in values if math.isfinite(one)]
    kept = [one for one in few if math.isfinite(one)]
    assert bool(kept) == bool(finite)
    assert not finite or (min(kept), max(kept)) == (min(finite), max(finite))
    assert len(values) > 64 or len(few) == len(values)


def test_a_sparkline_shows_a_rise_at_the_end_and_leaves_gaps() -> None:
    assert sparkline([3, 2, 1, 3], 4, "123")[-1] == "3"
    assert sparkline([3, math.nan, 1], 3, "123")[1] == " "


@given(st.sampled_from(list(RUNS)), st.integers(1, 60), st.sampled_from(NAMES))
def test_a_cell_is_exactly_as_wide_as_its_column(run: RunSummary, width: int, name: str) -> None:
    from rich.cells import cell_len

    from tui.table.columns import Column

    key = key_of(name)
    column = Column(0, name, name, 0, width, name in ("lr", "val_loss"), min(width, 5))
    scene = CellScene(Look(), NOW, lambda path: (1.0, 0.5, 0.4))
    parts = cell(key, column, Row(run.path, (run,)), scene)
    assert sum(cell_len(text) for text, _ in parts) == width


def test_names_share_their_beginning_up_to_a_sign() -> None:
    assert common_beginning(["run_2026-a", "run_2026-b", "run_2025"]) == len("run_")
    assert common_beginning(["run_1"]) == 0


def test_a_smoothed_value_has_no_pull_to_zero() -> None:
    assert smoothed([2.0]) == pytest.approx(2.0)
    assert smoothed([math.nan, 2.0, 2.0]) == pytest.approx(2.0)
    assert smoothed([]) is None


def test_an_empty_or_missing_root_says_which_key_begins(tmp_path: Path) -> None:
    with pytest.raises(FactsError) as caught:
        list(walk(tmp_path / "no"))
    missing = f"{caught.value.message}. {caught.value.hint}"
    for problem in ("", missing):
        for can_start in (True, False):
            told = notice(
                "/root", None, View(), problem, is_listed=True, n_runs=0, can_start=can_start
            )
            assert told is not None
            assert ("N configures your first training" in told.text) == can_start
    other = notice("/root", None, View(), "it cannot be listed", is_listed=True, n_runs=0)
    assert other is not None
    assert "N configures" not in other.text
