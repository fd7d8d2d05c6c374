"""Pictures made of characters."""

from __future__ import annotations

import os
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from engine.errors import FactsError
from tui.terminal.pictures import (
    BLOCKS,
    HALVES,
    KINDS,
    MOST_PIXELS,
    SHADES,
    PictureView,
    draw,
    load_picture,
    size_in_cells,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "figures").mkdir()
    return tmp_path / "figures"


def saved(folder: Path, image: Image.Image, name: str = "one.png") -> Path:
    image.save(folder / name)
    return folder / name


def texts(lines: list[list]) -> list[str]:
    return ["".join(run.text for run in line) for line in lines]


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(0, 60), st.integers(0, 40),
    st.sampled_from(KINDS),
)  # fmt: skip
def test_a_picture_fits_into_its_room_and_all_its_lines_are_of_one_width(
    width: int, height: int, columns: int, rows: int, kind: str
) -> None:
    lines = draw(Image.new("RGB", (width, height), "teal"), columns, rows, kind)
    widths = {len(text) for text in texts(lines)}
    assert len(lines) <= rows
    assert len(widths) <= 1
    assert max(widths, default=0) <= columns


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(8, 200), st.integers(8, 80))
def test_a_picture_keeps_its_shape_and_touches_an_edge(
    width: int, height: int, columns: int, rows: int
) -> None:
    across, down = size_in_cells(width, height, columns, rows)
    assert across == columns or down == rows
    if min(across, down) > 8:
        assert across / (2 * down) == pytest.approx(width / height, rel=0.15)


def test_one_colour_is_one_run_a_line_without_signs() -> None:
    lines = draw(Image.new("RGB", (40, 40), (0, 128, 64)), 10, 5, BLOCKS)
    assert [len(line) for line in lines] == [1] * 5
    assert lines[0][0] == ("          ", 0x008040, 0x008040)


def test_each_quarter_of_a_cell_may_have_the_other_colour() -> None:
    image = Image.new("RGB", (2, 2), "white")
    image.putpixel((1, 0), (0, 0, 0))
    (line,) = draw(image, 1, 1, BLOCKS)
    assert line[0].text in "▝▙"
    assert {line[0].colour, line[0].ground} == {0, 0xFFFFFF}


def test_halves_show_two_pixels_one_above_the_other() -> None:
    image = Image.new("RGB", (1, 2), "white")
    image.putpixel((0, 1), (0, 0, 0))
    assert draw(image, 1, 1, HALVES) == [[("▀", 0xFFFFFF, 0)]]


def test_shades_use_ascii_and_no_colours_and_more_ink_where_it_is_darker() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    lines = draw(image, 20, 10, SHADES)
    assert all(text.isascii() for text in texts(lines))
    assert {run.colour for line in lines for run in line} == {-1}
    ink = [" .:-=+*#%@".index(text[0]) for text in texts(lines)]
    assert ink == sorted(ink, reverse=True)


def test_zooming_in_shows_a_part_and_moving_stays_inside() -> None:
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).rectangle((100, 0, 200, 200), fill="black")
    view = PictureView().zoomed(2).moved(10, 0)
    assert view.box == (0.5, 0.25, 1.0, 0.75)
    grounds = {run.ground for line in draw(image, 20, 10, BLOCKS, view) for run in line}
    assert max(grounds) <= 0x101010


@given(st.lists(st.tuples(st.floats(0.2, 3), st.floats(-2, 2), st.floats(-2, 2)), max_size=12))
def test_the_part_that_is_seen_is_always_inside(steps: list[tuple[float, float, float]]) -> None:
    view = PictureView()
    for factor, dx, dy in steps:
        view = view.zoomed(factor).moved(dx, dy)
    left, top, right, bottom = view.box
    assert min(left, top) >= -1e-9
    assert max(right, bottom) <= 1 + 1e-9


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_is_read(folder: Path, mode: str) -> None:
    path = saved(folder, Image.new(mode, (12, 8)))
    assert load_picture(path).mode == "RGB"


def test_what_is_transparent_is_white(folder: Path) -> None:
    path = saved(folder, Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert load_picture(path).getpixel((0, 0)) == (255, 255, 255)


def png_of(width: int, height: int) -> bytes:
    """The beginning of a picture that says it is so large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"GIF89a", "no PNG"),
        (b"\x89PNG\r\n\x1a\n", "no PNG"),
        (png_of(10, 10), "damaged"),
        (png_of(0, 10), "too large"),
        (png_of(100_000, 100_000), "too large: 100,000 x 100,000 pixels"),
        (png_of(MOST_PIXELS + 1, 1), "too large"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(
    folder: Path, data: bytes, told: str
) -> None:
    (folder / "bad.png").write_bytes(data)
    with pytest.raises(FactsError, match=told):
        load_picture(folder / "bad.png")


def test_a_link_or_a_pipe_is_refused(folder: Path) -> None:
    (folder / "link.png").symlink_to(saved(folder, Image.new("RGB", (4, 4))))
    os.mkfifo(folder / "pipe.png")
    for name in ("link.png", "pipe.png", "none.png"):
        with pytest.raises(FactsError):
            load_picture(folder / name)


def looked_at(path: Path) -> object:
    """The lines of a picture, or why there are none."""
    try:
        return draw(load_picture(path), 10, 5)
    except FactsError as error:
        return error.message


def test_a_picture_that_is_damaged_anywhere_is_drawn_or_refused(folder: Path) -> None:
    whole = saved(folder, Image.effect_noise((60, 40), 80).convert("RGB")).read_bytes()
    chance = random.Random(1)
    for _ in range(60):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(3):
            data[chance.randrange(len(data))] = chance.randrange(256) if data else 0
        (folder / "bad.png").write_bytes(data)
        assert looked_at(folder / "bad.png")
