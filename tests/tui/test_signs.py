"""Signs that tell curves apart: the same in the legend, in the titles and on the curves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.library.summary import RunSummary
from tests.tui import compared
from tests.tui.charted import BLUE, RED, Shown, line, seen
from tests.tui.conftest import lines_of, run, wait_for
from tui.charts.chart import Chart
from tui.charts.marks import places
from tui.compare.comparison import entries_of
from tui.compare.legend import RunLegend
from tui.look import ASCII_SIGNS, PALETTE, SIGNS, Look
from tui.screens.compare import ComparePage

Opened = Callable[..., Any]

PLAIN = Look(colour=False, moving=False)
PLAIN_ASCII = Look(ascii=True, colour=False, moving=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve runs, more than there are colours."""
    folder = tmp_path_factory.mktemp("signs")
    compared.make_compared(folder, seeds=3)
    return folder


@pytest.fixture
def comparing(tmp_path: Path) -> Opened:
    """Opens the comparison of the runs below a root."""
    return functools.partial(compared.comparing, folder=tmp_path)


def drawn(page: ComparePage) -> set[tuple[str, str]]:
    """The characters on the curves with their colours."""
    chart = page.query_one(Chart)
    strips = [chart.render_line(y) for y in range(1, chart.size.height - 2)]
    segments = [segment for strip in strips for segment in strip if segment.style]
    return {
        (sign, segment.style.color.name.lower())
        for segment in segments
        for sign in segment.text
        if segment.style and segment.style.color
    }


@pytest.mark.parametrize("look", [PLAIN, PLAIN_ASCII, Look(moving=False)])
@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
def test_the_sign_of_each_run_in_the_legend_stands_on_its_curve(
    root: Path, comparing: Opened, size: tuple[int, int], look: Look
) -> None:
    async def test() -> None:
        async with comparing(root, size, look=look) as (pilot, page):
            legend = page.query_one(RunLegend).region
            listed = "\n".join(text[legend.x :] for text in lines_of(pilot.app))
            looks = {(entry.sign, entry.colour.lower()) for entry in page.entries}
            assert all(f"{sign} " in listed for sign, _ in looks)
            await wait_for(pilot, lambda: looks <= drawn(page))

    run(test())


def test_runs_of_different_colours_need_no_signs(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        paths = [str(path) for path in sorted((root / "runs").iterdir())[:4]]
        async with comparing(root, paths=paths) as (_, page):
            assert not {sign for sign, _ in drawn(page)} & set(SIGNS)

    run(test())


def test_the_title_of_a_chart_has_the_same_signs(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        paths = [str(path) for path in sorted((root / "runs").iterdir())[1:4]]
        async with comparing(root, (200, 60), paths=paths, look=PLAIN) as (pilot, page):
            signs = [entry.sign for entry in page.entries]

            def titled() -> list[str]:
                chart = page.query_one(Chart).region
                title = lines_of(pilot.app)[chart.y][: chart.right]
                return [sign for sign in title if sign in signs]

            await wait_for(pilot, lambda: len(titled()) == len(signs))
            assert titled() == signs
            await pilot.press("down", "space")
            await wait_for(pilot, lambda: len(titled()) == len(signs) - 1)
            assert titled() == signs[1:]

    run(test())


def test_a_mean_of_seeds_has_the_sign_of_its_setting(root: Path, comparing: Opened) -> None:
    async def test() -> None:
        async with comparing(root, look=PLAIN) as (pilot, page):
            await pilot.press("b")
            signs = {entry.sign for entry in page.entries}
            assert len(signs) == 4
            await wait_for(pilot, lambda: signs <= {sign for sign, _ in drawn(page)})

    run(test())


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize(("coloured", "n"), [(True, 400), (False, 58)])
def test_no_two_runs_have_one_look(ascii: bool, coloured: bool, n: int) -> None:
    runs = [RunSummary(path=f"/r/{number}", name=f"{number}") for number in range(n)]
    colours = {one.path: PALETTE[k % len(PALETTE)] for k, one in enumerate(runs)}
    entries = entries_of(runs, colours, ascii=ascii, coloured=coloured).entries
    looks = {(entry.colour if coloured else "", entry.sign) for entry in entries}
    assert len(looks) == n


def test_signs_are_different_and_of_the_terminal() -> None:
    assert len(set(SIGNS)) == len(SIGNS)
    assert len(set(ASCII_SIGNS)) == len(ASCII_SIGNS)
    assert ASCII_SIGNS.isascii()


def test_curves_of_one_colour_are_marked_beside_one_of_another(tmp_path: Path) -> None:
    async def test() -> None:
        values = [[level] * 40 for level in (1.0, 2.0, 3.0)]
        looks = [(RED, "●"), (RED, "■"), (BLUE, "●")]
        lines = [
            line(one, run=str(n), colour=colour, sign=sign)
            for n, (one, (colour, sign)) in enumerate(zip(values, looks, strict=True))
        ]
        app = Shown(tmp_path, {"loss": lines})
        async with seen(app, size=(80, 20)):
            marked = [set(text) & {"●", "■"} for text in lines_of(app)[1:16]]
            assert [one for one in marked if one] == [{"●"}, {"■"}, {"●"}]

    run(test())


@pytest.mark.parametrize("n", [1, 2, 9, 30])
def test_each_curve_has_signs_on_itself_and_shares_no_cell(n: int) -> None:
    random = np.random.default_rng(n)
    curves = []
    for _ in range(n):
        covered = np.zeros((20, 60), dtype=bool)
        covered[random.integers(0, 20, 60), np.arange(60)] = True
        curves.append(covered)
    found = places(curves)
    cells = [place for one in found for place in one]
    assert len(set(cells)) == len(cells)
    for covered, own in zip(curves, found, strict=True):
        assert len(own) >= (2 if n < 10 else 1)
        assert all(covered[place] for place in own)


def test_a_curve_without_values_has_no_signs() -> None:
    assert places([np.zeros((5, 10), dtype=bool)]) == [[]]
    assert places([]) == []
