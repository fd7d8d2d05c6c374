"""Pictures of pixels: what a terminal says that it draws, and what it is sent."""

from __future__ import annotations

import base64
import io
import os
import pty
import re
import sys
import termios
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from rich.segment import Segment
from textual.events import Key

from tests.bench.terminal import terminal
from tests.bench.tree import make_tree
from tui.terminal.graphics import Graphics, Question, answers_questions, understood
from tui.terminal.late_answers import PatientParser
from tui.terminal.pictures import PictureView, part_of
from tui.terminal.pixels import Picture, cells_of, is_picture, picture_of, sent_for
from tui.terminal.sixel import sixels

ROOT = Path(__file__).parents[2]

KITTY = "\x1bP>|kitty(0.35.2)\x1b\\"
CELL = "\x1b[6;18;9t"
CLASS, SIXEL = "\x1b[?62;22c", "\x1b[?62;4;22c"


def undrawn(text: str) -> npt.NDArray[np.int64]:
    """The colours that sixels draw, in percent, `[height, width, 3]`; -1 where there is none."""
    head, body = re.fullmatch(r'\x1bP[\d;]*q"1;1;([\d;]*)(.*)\x1b\\', text, re.DOTALL).groups()  # type: ignore[union-attr]
    head, first = re.fullmatch(r"(\d+;\d+)(.*)", head, re.DOTALL).groups()  # type: ignore[union-attr]
    width, height = map(int, head.split(";"))
    drawn = np.full((height + 6, width, 3), -1)
    palette: dict[int, list[int]] = {}
    x = y = colour = 0
    for piece in re.findall(r"#\d+(?:;2;\d+;\d+;\d+)?|!\d+.|\$|-|[?-~]", first + body):
        if piece.startswith("#"):
            colour, *rgb = [int(n) for n in piece[1:].split(";")]
            if rgb:
                palette[colour] = rgb[1:]
        elif piece in "$-":
            x, y = 0, y + 6 * (piece == "-")
        else:
            n = int(piece[1:-1]) if piece.startswith("!") else 1
            for bit in range(6):
                if ord(piece[-1]) - 63 >> bit & 1:
                    drawn[y + bit, x : x + n] = palette[colour]
            x += n
    assert (drawn[height:] == -1).all(), "nothing is drawn below the picture"
    return drawn[:height]


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 30)), elements=st.integers(0, 3))
)
def test_sixels_draw_each_pixel_in_its_colour(indices: npt.NDArray[np.uint8]) -> None:
    percent = np.array([[0, 0, 0], [100, 0, 0], [20, 40, 60], [100, 100, 100]])
    palette = np.round(percent * 2.55).astype(np.uint8)
    assert (undrawn(sixels(indices, palette)) == percent[indices]).all()


@pytest.fixture
def image() -> Image.Image:
    """Four squares of different colours, for 6 columns and 4 rows of 9 x 18 pixels."""
    pixels = np.zeros((72, 54, 3), dtype=np.uint8)
    pixels[:36, :27], pixels[:36, 27:] = (255, 0, 0), (0, 255, 0)
    pixels[36:, :27], pixels[36:, 27:] = (0, 0, 255), (255, 255, 255)
    return Image.fromarray(pixels)


def sixel_of(sent: str) -> npt.NDArray[np.int64]:
    """What is drawn on some cells."""
    return undrawn(sent[sent.index("\x1bP") : sent.rindex("\x1b\\") + 2])


def test_any_part_of_a_sixel_picture_is_drawn_in_its_place(image: Image.Image) -> None:
    picture = picture_of(image, 6, 4, Graphics("sixel", (9, 18)))
    whole = np.asarray(image, dtype=np.int64) * 100 // 255
    for row, first, n in ((0, 0, 6), (3, 0, 6), (1, 2, 3), (2, 5, 1)):
        part = whole[row * 18 : row * 18 + 18, first * 9 : (first + n) * 9]
        sent = picture.cells(row, first, n)
        assert (sixel_of(sent) == part).all()
        assert sent.startswith(f"\x1b[{n}X"), "on empty cells"
        assert sent.endswith(f"\x1b[{n}C"), "the cursor goes behind them"


def test_a_kitty_picture_is_sent_in_pieces_and_placed_by_characters(image: Image.Image) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    picture = picture_of(Image.fromarray(noise), 20, 10, Graphics("kitty", (10, 20)))
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", picture.begin)
    assert len(pieces) > 3
    assert all(len(data) <= 4096 for _, data in pieces)
    goes_on = [keys.split(",")[-1] for keys, _ in pieces]
    assert goes_on == ["m=1"] * (len(pieces) - 1) + ["m=0"]
    keys = set(pieces[0][0].split(","))
    assert keys >= {"a=T", "U=1", f"i={picture.number}", "c=20", "r=10", "q=2"}
    png = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in pieces))))
    assert png.size == (200, 200)
    colour, first, *others = picture.cells(2, 3, 4).split("\U0010eeee")
    assert colour == f"\x1b[38;5;{picture.number}m", "this is how its cells name it"
    assert (first, others) == ("\u030e\u0310", ["", "", ""]), "row 2, from column 3 on"
    assert f"d=I,i={picture.number}" in picture.end


def test_a_line_of_a_picture_knows_its_place_wherever_it_is_cut(image: Image.Image) -> None:
    picture: Picture = picture_of(image, 6, 4, Graphics("sixel", (9, 18)))
    line = cells_of(picture, 2)
    assert line.cell_length == 6
    assert is_picture(line.text) > is_picture("losses")
    left, right = line.split_cells(4)
    assert sent_for(line) == picture.cells(2, 0, 6)
    assert (sent_for(left), sent_for(right)) == (picture.cells(2, 0, 4), picture.cells(2, 4, 2))
    assert sent_for(Segment(line.text)) is None, "behind a dialog it has lost its style"
    del picture
    assert sent_for(line) is None, "nobody shows it any more"


def test_a_part_of_a_picture_is_what_the_view_shows(image: Image.Image) -> None:
    lower_right = PictureView(zoom=2.0, x=0.75, y=0.75)
    assert part_of(image, 30, 30, lower_right).getpixel((15, 15)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("answer", "graphics"),
    [
        (KITTY + CELL + CLASS, Graphics("kitty", (9, 18))),
        ("\x1bP>|ghostty 1.1.0\x1b\\" + CLASS, Graphics("kitty", (10, 20))),
        ("\x1bP>|kitty(0.27.1)\x1b\\" + CELL + CLASS, Graphics("", (9, 18))),
        ("\x1bP>|XTerm(379)\x1b\\" + CELL + SIXEL, Graphics("sixel", (9, 18))),
        ("\x1bP>|tmux 3.5\x1b\\" + SIXEL, Graphics("", (10, 20))),
        (CELL + "\x1b[?14;40c", Graphics("", (9, 18))),
        ("\x1b[6;0;0t" + SIXEL, Graphics("", (10, 20))),
        ("", Graphics("", (10, 20))),
    ],
)
def test_a_terminal_is_taken_at_its_word(answer: str, graphics: Graphics) -> None:
    assert understood(answer)[:2] == (graphics, "")
    assert understood("jj" + answer + "\x1b[B")[:2] == (graphics, "jj\x1b[B"), "keys are kept"


@given(st.text(st.sampled_from("\x1bP>|[?;0123456789ctqkitty()\\."), max_size=60))
def test_any_answer_is_understood_somehow(text: str) -> None:
    answer = understood(text)
    assert min(answer.graphics.cell) > 0
    assert len(answer.typed) <= len(text)


def test_a_size_that_is_known_goes_before_one_that_is_told() -> None:
    assert understood(CELL + SIXEL, (7, 14)).graphics == Graphics("sixel", (7, 14))


@pytest.mark.parametrize(
    ("term", "asked"), [("xterm-256color", True), ("linux", False), ("", False)]
)
def test_a_terminal_that_would_not_answer_is_not_asked(term: str, asked: bool) -> None:
    assert answers_questions(term) == asked


def test_an_answer_that_comes_late_is_not_taken_for_keys() -> None:
    assert understood("").late > understood(CLASS).late
    parser = PatientParser()
    events = [*parser.feed("j" + KITTY + CELL + CLASS), *parser.feed(CLASS), *parser.feed("k")]
    assert [event.key for event in events if isinstance(event, Key)] == ["j", "k"]


def test_a_question_leaves_the_terminal_as_it_was() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with Question(theirs) as question:
        os.write(ours, (SIXEL + "q").encode())
        answer = question.answer(patience_s=5)
        assert answer.typed == "q"
        assert termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON) == 0
    assert termios.tcgetattr(theirs) == before
    with Question(theirs) as question:
        assert question.answer(patience_s=0.01).graphics.kind == "", "it says nothing"
    os.close(ours), os.close(theirs)


SAYS = {
    "kitty": {b"\x1b[>q": KITTY.encode(), b"\x1b[16t": CELL.encode()},
    "sixel": {b"\x1b[c": SIXEL.encode(), b"\x1b[16t": CELL.encode()},
    "": {},
}


@pytest.mark.parametrize("kind", SAYS)
def test_a_figure_is_drawn_as_the_terminal_can(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    runs = make_tree(tmp_path / "outputs", 1, epochs=2)
    (runs[0] / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (300, 200), (0, 0, 255)).save(runs[0] / "figures" / "losses.png")
    command = [sys.executable, "-m", "tui", "--root", str(tmp_path / "outputs"), "--run", "last"]
    marks = {"kitty": "\U0010eeee".encode(), "sixel": b"\x1bP0;1q", "": "\u2588".encode()}
    with terminal(command, (100, 30), SAYS[kind]) as shown:
        shown.send("6")  # while it starts: it is not lost
        sent = b""
        while not (marks[kind] in sent if kind else "losses" in shown.screen.text()):
            piece = shown.listen(20)
            assert piece, f"no picture comes; there is\n{shown.screen.text()}"
            sent += piece
        for other in set(SAYS) - {kind, ""}:
            assert marks[other] not in sent
        if kind == "kitty":
            assert sent.index(b"\x1b_Ga=T") < sent.index(marks[kind]), "before it is placed"
