"""Files and commands of what is seen."""

from __future__ import annotations

import csv
import io
import json
import math
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, FactsError
from engine.library.summary import RunSummary
from tests.tui.charted import line
from tests.tui.compared import compared
from tui.charts import svg
from tui.charts.view import View
from tui.compare.comparison import entries_of
from tui.compare.drawings import curves_picture, points_picture, points_records
from tui.compare.exporting import (
    as_csv,
    as_json,
    diff_command,
    format_of,
    free_name,
    path_of,
    plot_command,
    table_command,
    write_new,
    write_over,
)
from tui.compare.points import points_of

SVG = "{http://www.w3.org/2000/svg}"
TEXT = st.text(max_size=20)
VALUES = st.none() | st.integers(-10, 10) | st.floats(allow_nan=True) | TEXT


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunSummary]:
    return compared(tmp_path_factory.mktemp("exported"))


def test_csv_has_the_keys_of_all_records() -> None:
    rows = list(csv.reader(io.StringIO(as_csv([{"a": 1}, {"b": 0.1234567890123}]))))
    assert rows == [["a", "b"], ["1", ""], ["", "0.1234567890123"]]


def test_csv_runs_no_formula_of_a_spreadsheet() -> None:
    text = as_csv([{"run": "=1+1", "loss": -0.5}])
    assert text.splitlines()[1] == "'=1+1,-0.5"


def test_what_is_not_finite_is_empty_or_null() -> None:
    assert as_csv([{"a": math.nan, "b": 1}]).splitlines()[1] == ",1"
    assert json.loads(as_json([{"a": math.inf, "b": [math.nan]}])) == [{"a": None, "b": [None]}]


@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=4))
def test_any_records_can_be_read_again(records: list[dict[str, object]]) -> None:
    assert len(json.loads(as_json(records))) == len(records)
    names = {name for record in records for name in record}
    if names:
        assert len(list(csv.reader(io.StringIO(as_csv(records))))) == len(records) + 1


def test_the_ending_of_the_name_is_the_format() -> None:
    assert format_of(Path("a.CSV")) == ".csv"
    with pytest.raises(ConfigError, match=r"\.csv or \.json"):
        format_of(Path("a.svg"), (".csv", ".json"))


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "nowhere/at/all.csv"])
def test_what_is_no_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        path_of(text)


def test_a_folder_is_refused_and_the_home_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("~/a.csv") == tmp_path / "a.csv"
    with pytest.raises(ConfigError, match="folder"):
        path_of(str(tmp_path))


def test_a_default_name_is_one_that_is_free(tmp_path: Path) -> None:
    assert free_name("a", ".csv", tmp_path) == "a.csv"
    (tmp_path / "a.csv").touch()
    (tmp_path / "a-2.csv").symlink_to("nowhere")
    assert free_name("a", ".csv", tmp_path) == "a-3.csv"


def test_a_file_that_is_there_is_not_overwritten_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_new(path, "old")
    with pytest.raises(FactsError):
        write_new(path, "new")
    assert path.read_text() == "old"
    write_over(path, "new")
    assert path.read_text() == "new"


def test_the_commands_name_the_runs_and_the_root(runs: list[RunSummary]) -> None:
    root = Path("/a folder")
    words = shlex.split(plot_command(runs[:2], ["val_loss"], root, seeds=True, smoothing=0.6))
    assert words[:2] == ["engine", "plot"]
    assert words[2:5] == [runs[0].name, runs[1].name, "val_loss"]
    assert words[words.index("--root") + 1] == "/a folder"
    assert {"--seeds", "--smooth", "0.6"} <= set(words)
    assert shlex.split(diff_command(runs[:2], root))[1] == "diff"
    assert "name," in table_command(runs, ["lr", "val_loss"], root)


def test_there_is_no_mean_over_time(runs: list[RunSummary]) -> None:
    assert "--seeds" not in plot_command(runs, [], Path("r"), seeds=True, axis="time")


def test_runs_of_one_name_are_told_by_their_path() -> None:
    twins = [RunSummary("/a/run", "run"), RunSummary("/b/run", "run")]
    assert "/a/run /b/run" in diff_command(twins, Path("/"))


def test_no_control_character_gets_into_a_command() -> None:
    assert "\x1b" not in diff_command([RunSummary("/a", "run\x1b[2J")], Path("/"))


def test_a_filter_of_names_is_read_as_it_was_meant(runs: list[RunSummary]) -> None:
    from engine.tables.query import parse

    odd = RunSummary("/odd", 'a "b", c')
    command = table_command([runs[0], odd], ["val_loss"], Path("/"))
    words = shlex.split(command)
    assert [run.path for run in parse(words[2]).select([*runs, odd])] == [runs[0].path, "/odd"]


def curve(label: str = "a", colour: str = "#0072B2") -> svg.Curve:
    return svg.Curve(label, colour, [0.0, 1.0, 2.0, 3.0], [1.0, math.nan, 0.5, 0.25])


def test_a_picture_is_well_formed_with_a_gap_where_there_is_no_value() -> None:
    panel = svg.Panel("val_loss", "epoch", [curve(), curve("b")], unit="whole")
    tree = ElementTree.fromstring(svg.picture([panel, panel]))
    paths = [path.get("d", "") for path in tree.iter(f"{SVG}path") if path.get("stroke-width")]
    lines = [path for path in paths if "L" in path]
    assert len(lines) == 4
    assert lines[0].count("M") == 2


def test_text_in_a_picture_is_escaped() -> None:
    text = svg.picture([svg.Panel("<script>", "x", [curve('</svg><a href="b">\x1b[2J')])])
    assert "<script>" not in text
    assert "\x1b" not in text
    assert ElementTree.fromstring(text) is not None


def test_curves_of_one_colour_are_dashed_differently() -> None:
    text = svg.picture([svg.Panel("a", "x", [curve("one"), curve("two")])])
    tree = ElementTree.fromstring(text)
    dashes = [path.get("stroke-dasharray") for path in tree.iter(f"{SVG}path")]
    assert len([dash for dash in dashes if dash]) == 2  # in the chart and in the legend


def test_a_chart_without_values_says_so() -> None:
    empty = svg.Curve("a", "#000000", [1.0], [math.nan])
    below = svg.Panel("b", "x", [svg.Curve("a", "#000000", [1.0], [-1.0])], log_y=True)
    text = svg.picture([svg.Panel("a", "x", [empty]), below])
    assert text.count("no values") == 2


def test_a_band_is_a_closed_area() -> None:
    band = curve()._replace(ys=[1, 1, 1, 1], low=[0.5] * 4, high=[2, math.nan, 2, 2])
    tree = ElementTree.fromstring(svg.picture([svg.Panel("a", "x", [band])]))
    polygon = next(tree.iter(f"{SVG}polygon"))
    assert len(polygon.get("points", "").split()) == 14


def texts_of(picture: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_a_picture_shows_the_part_that_is_seen() -> None:
    panels = {"val_loss": [line([1, 2, 3, 4, 1000, 6, 7, 8])]}
    assert {"80", "1000"} <= set(texts_of(curves_picture(panels, View(), {})))
    part = texts_of(curves_picture(panels, View(window=(10, 30)), {}))
    assert {"10", "30", "3.0"} <= set(part)
    assert not {"80", "1000"} & set(part)


def test_a_picture_leaves_out_what_the_screen_leaves_out() -> None:
    panels = {"val_loss": [line([*range(300), 1e6])]}
    assert "1.0M" in texts_of(curves_picture(panels, View(), {}))
    texts = texts_of(curves_picture(panels, View(trim=True), {}))
    assert {"100", "200", "300"} <= set(texts)
    assert "1.0M" not in texts


def test_a_part_without_values_says_so() -> None:
    panels = {"val_loss": [line([1, 2, 3])]}
    assert "no values" in texts_of(curves_picture(panels, View(window=(100, 200)), {}))


def test_points_have_their_colours_for_white_ground(runs: list[RunSummary]) -> None:
    comparison = entries_of(runs, {run.path: "#56B4E9" for run in runs})
    points = points_of(comparison, "encoder", "val_loss")
    text = points_picture(points, {"#56B4E9": "#0072B2"}, log_x=True, log_y=False)
    tree = ElementTree.fromstring(text)
    signs = [path for path in tree.iter(f"{SVG}path") if path.get("class") == "point"]
    fills = [path.get("fill") for path in signs]
    assert fills.count("#0072B2") == 2 * len(runs)
    assert "#56B4E9" not in fills


def test_points_are_written_with_the_run_and_both_values(runs: list[RunSummary]) -> None:
    comparison = entries_of(runs, {run.path: "#56B4E9" for run in runs})
    records = points_records(points_of(comparison, "encoder", "val_loss"))
    assert records[0]["encoder"] == "mlp"
    assert records[0]["val_loss"] == runs[0].numbers["val_loss"].best
