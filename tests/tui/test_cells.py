"""The cells of a widget, and what of them is sent to the terminal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.charts.cells import Cells, Inks
from tui.terminal.sparing import SparingUpdate

INKS = Inks("#000000")
RED, BLUE = INKS.of("#ff0000"), INKS.of("#0000ff", bold=True)


@given(st.integers(-3, 12), st.text(max_size=12), st.integers(0, 10))
def test_any_text_is_cut_to_the_cells(x: int, text: str, end: int) -> None:
    cells = Cells(10, 1)
    cells.write(x, 0, text, RED, end)
    assert cell_len(cells.text()) == 10
    assert cells.strip(0, INKS).cell_length == 10
    assert cells.text()[:0] == ""


def test_a_wide_character_takes_two_cells() -> None:
    cells = Cells(6, 1)
    assert cells.write(0, 0, "é日本語", RED) == 5
    assert cells.text() == "é日本 "


def test_lines_outside_are_not_written() -> None:
    cells = Cells(4, 1)
    cells.write(0, 3, "text", RED)
    assert cells.text() == "    "


def test_blank_cells_need_no_colour_of_their_own() -> None:
    cells = Cells(10, 2)
    cells.write(2, 0, "ab", RED)
    cells.write(7, 0, "c", RED)
    cells.write(2, 1, "ab", RED)
    cells.write(7, 1, "c", BLUE)
    assert [len(list(cells.strip(y, INKS))) for y in (0, 1)] == [1, 2]


def test_a_ground_of_its_own_is_kept_under_a_blank_cell() -> None:
    cells = Cells(4, 1)
    cells.fill((0, slice(1, 3)), " ", RED + INKS.ground("#00ff00"))
    grounds = [segment.style.bgcolor.name for segment in cells.strip(0, INKS) if segment.style]
    assert grounds == ["#000000", "#00ff00", "#000000"]


def test_nothing_has_changed_in_the_same_cells() -> None:
    one, other = Cells(5, 2), Cells(5, 2, ink=RED)
    assert other.changed(one) == []


def test_changes_with_a_small_gap_are_sent_together() -> None:
    one, near, far = Cells(40, 3), Cells(40, 3), Cells(40, 3)
    for cells, second in ((near, 10), (far, 11)):
        cells.write(3, 1, "x", RED)
        cells.write(second, 1, "x", RED)
    assert [tuple(region) for region in near.changed(one)] == [(3, 1, 8, 1)]
    assert [tuple(region) for region in far.changed(one)] == [(3, 1, 1, 1), (11, 1, 1, 1)]


def test_a_wide_character_is_sent_as_a_whole() -> None:
    before, after, plain = Cells(10, 1), Cells(10, 1), Cells(10, 1)
    before.write(2, 0, "世", RED)
    after.write(2, 0, "界", RED)
    plain.write(3, 0, "x", RED)
    assert [tuple(region) for region in after.changed(before)] == [(2, 0, 2, 1)]
    assert [tuple(region) for region in plain.changed(before)] == [(2, 0, 2, 1)]
    assert [tuple(region) for region in before.changed(plain)] == [(2, 0, 2, 1)]


@pytest.mark.parametrize(("x", "text", "wanted"), [(1, "x", " x本"), (2, "x", "日x "),
                         (1, "語", " 語 "), (0, "x", "x 本")])  # fmt: skip
def test_half_a_wide_character_does_not_stay(x: int, text: str, wanted: str) -> None:
    cells = Cells(4, 1)
    cells.write(0, 0, "日本", RED)
    cells.write(x, 0, text, RED)
    assert cells.text() == wanted
    assert cells.strip(0, INKS).text == wanted


def test_half_a_wide_character_is_not_left_by_a_fill() -> None:
    cells = Cells(4, 2)
    cells.write(0, 1, "日本", RED)
    cells.fill((slice(0, 2), slice(1, 4, 2)), "x", RED)
    assert cells.text() == " x x\n x x"


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 3), st.booleans()), max_size=20))
def test_the_regions_hold_all_that_changed(marks: list[tuple[int, int, bool]]) -> None:
    before, after = Cells(20, 4), Cells(20, 4)
    for x, y, is_red in marks:
        after.write(x, y, "x", RED if is_red else BLUE)
    known = np.zeros((4, 20), dtype=bool)
    for x, y, width, height in after.changed(before):
        known[y : y + height, x : x + width] = True
    assert known[after.codes != before.codes].all()


def sent(strip: Strip, first: int, last: int) -> str:
    update = SparingUpdate([{5: strip}], [(0, first, last)], [[5 + strip.cell_length]])
    console = Console(color_system="truecolor", force_terminal=True)
    return update.render_segments(console)


def test_only_the_cells_of_a_region_are_sent() -> None:
    style = Style(color="#ff0000", bgcolor="#000000")
    text = sent(Strip([Segment("abcdef", style)]), 7, 9)
    assert text == "\x1b[1;8H\x1b[0;38;2;255;0;0;48;2;0;0;0mcd\x1b[0m"


def test_a_colour_is_sent_once() -> None:
    red, green = (Style(color=colour, bgcolor="#000000") for colour in ("#ff0000", "#00ff00"))
    text = sent(Strip([Segment("ab", red), Segment("cd", red), Segment("ef", green)]), 5, 11)
    assert text.count("48;2") == 1
    assert text.endswith("abcd\x1b[38;2;0;255;0mef\x1b[0m")


def test_bold_is_switched_off_again() -> None:
    bold, thin = Style(color="red", bold=True), Style(color="red")
    text = sent(Strip([Segment("a", bold), Segment("b", thin)]), 5, 7)
    assert text == "\x1b[1;6H\x1b[0;31;1ma\x1b[0;31mb\x1b[0m"


def test_a_link_keeps_its_own_end() -> None:
    text = sent(Strip([Segment("a", Style(link="https://x.org")), Segment("b", Style())]), 5, 7)
    assert text.count("\x1b]8;") == 2
    assert text.index("b\x1b[0m") > text.rindex("\x1b]8;;")


def test_two_regions_of_a_line_are_sent_one_by_one() -> None:
    strip = Strip([Segment("abcdef", Style(color="red"))])
    update = SparingUpdate([{0: strip}], [(0, 0, 1), (0, 4, 5)], [[6]])
    text = update.render_segments(Console(color_system="truecolor", force_terminal=True))
    assert text == "\x1b[1;1H\x1b[0;31ma\x1b[1;5He\x1b[0m"
