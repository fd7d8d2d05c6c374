"""What the app keeps of somebody's choices, and what it does with a file that is not its own."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.look import PALETTE, Colours, Look
from tui.remembered import Remembered, state_folder
from tui.state_files import read_own

CHOICES = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.text(max_size=5), st.booleans(), st.lists(st.text(max_size=3), max_size=3)),
    max_size=4,
)


@settings(max_examples=30)
@given(CHOICES)
def test_choices_come_back_as_they_were(choices: dict[str, object]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        kept = Remembered("/some/root", Path(folder))
        for name, value in choices.items():
            kept.keep(name, value)
        kept.save()
        again = Remembered("/some/root", Path(folder))
        for name, value in choices.items():
            if isinstance(value, list):
                assert again.texts(name) == value
            elif isinstance(value, bool):
                assert again.switch(name, not value) == value
            else:
                assert again.text(name, "other") == value


def test_another_root_has_choices_of_its_own(tmp_path: Path) -> None:
    one, other = Remembered("/a/outputs", tmp_path), Remembered("/b/outputs", tmp_path)
    one.keep("filter", "vq")
    one.save()
    assert Remembered("/b/outputs", tmp_path).text("filter") == ""
    assert one.path != other.path


def test_two_windows_on_a_root_keep_what_each_has_changed(tmp_path: Path) -> None:
    one, other = Remembered("/some/root", tmp_path), Remembered("/some/root", tmp_path)
    one.keep("filter", "vq")
    one.keep("marks", ["a"])
    one.save()
    other.keep("smooth", 2)
    other.save()
    one.keep("marks", ["a", "b"])
    one.save()
    last = Remembered("/some/root", tmp_path)
    assert (last.text("filter"), last.texts("marks")) == ("vq", ["a", "b"])
    assert last.number("smooth") == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 99}', b"\xff\xfe", b'{"choices": {"filter": "x"}}']
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    kept = Remembered("/some/root", tmp_path)
    assert kept.path is not None
    kept.path.write_bytes(content)
    assert Remembered("/some/root", tmp_path).text("filter", "none") == "none"


@pytest.mark.parametrize("content", [b"{", b'{"format": 99}', b"x" * ((1 << 24) + 1)])
def test_a_file_that_cannot_be_read_is_kept_under_another_name_and_told_of(
    tmp_path: Path, content: bytes
) -> None:
    kept = Remembered("/some/root", tmp_path)
    assert kept.path is not None
    kept.path.write_bytes(content)
    again = Remembered("/some/root", tmp_path)
    again.keep("filter", "vq")
    again.save()
    (aside,) = tmp_path.glob("*.unread-*")
    assert aside.read_bytes() == content
    assert aside.name in again.problems[0]
    assert Remembered("/some/root", tmp_path).text("filter") == "vq"


def test_a_file_that_is_damaged_meanwhile_is_written_whole_beside_it(tmp_path: Path) -> None:
    kept = Remembered("/some/root", tmp_path)
    kept.keep("filter", "vq")
    kept.save()
    assert kept.path is not None
    kept.path.write_bytes(b"{")
    kept.keep("tab", 2)
    kept.save()
    again = Remembered("/some/root", tmp_path)
    assert (again.text("filter"), again.number("tab")) == ("vq", 2)
    assert len(kept.problems) == len(list(tmp_path.glob("*.unread-*"))) == 1


def test_as_many_marks_as_there_can_be_are_kept(tmp_path: Path) -> None:
    marks = [f"/some/root/runs/run_20260101-000000_{number:06}" for number in range(20_000)]
    kept = Remembered("/some/root", tmp_path)
    kept.keep("marks", marks)
    kept.save()
    assert Remembered("/some/root", tmp_path).texts("marks") == marks


def test_two_windows_that_save_at_once_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Remembered("/some/root", tmp_path), Remembered("/some/root", tmp_path)
    one.keep("filter", "vq")
    other.keep("smooth", 2)
    saving = threading.Thread(target=other.save)

    def read(path: Path) -> Any:
        found = read_own(path)
        if threading.current_thread() is not saving and not saving.ident:
            saving.start()  # another window writes between what this one reads and writes
            saving.join(0.1)
        return found

    monkeypatch.setattr("tui.remembered.read_own", read)
    one.save()
    saving.join()
    last = Remembered("/some/root", tmp_path)
    assert (last.text("filter"), last.number("smooth")) == ("vq", 2)


def test_a_choice_of_another_kind_is_no_choice(tmp_path: Path) -> None:
    kept = Remembered("/some/root", tmp_path)
    kept.keep("columns", ["a", 1, None])
    assert kept.texts("columns") == ["a"]
    assert kept.text("columns", "x") == "x"
    assert kept.number("columns", 2.5) == 2.5
    assert kept.switch("columns") is False


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400, "true"])
def test_a_number_that_is_none_is_no_choice(tmp_path: Path, text: str) -> None:
    kept = Remembered("/some/root", tmp_path)
    kept.keep("tab", 1)
    kept.save()
    assert kept.path is not None
    kept.path.write_text(kept.path.read_text().replace('"tab": 1', f'"tab": {text}'))
    assert Remembered("/some/root", tmp_path).number("tab", 2.5) == 2.5


def test_where_nothing_can_be_written_choices_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Remembered("/some/root", tmp_path / "file" / "below")
    kept.keep("filter", "vq")
    kept.save()
    assert (tmp_path / "file").read_text() == ""


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "thesis-ml"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert state_folder() == tmp_path / "home" / ".local" / "state" / "thesis-ml"


@settings(max_examples=50)
@given(st.lists(st.text(max_size=8), max_size=20, unique=True))
def test_runs_that_are_seen_together_have_different_colours_as_long_as_there_are_enough(
    paths: list[str],
) -> None:
    colours = Colours()
    chosen = colours.choose(paths)
    counts = [list(chosen.values()).count(n) for n in range(len(PALETTE))]
    assert max(counts) - min(counts) <= 1
    assert colours.choose(paths) == chosen
    assert colours.choose(paths[1:]) == {path: chosen[path] for path in paths[1:]}


def test_ascii_signs_are_ascii() -> None:
    look = Look(ascii=True)
    signs = [look.bars, look.full, look.empty, look.mark, look.pin, look.open, look.closed]
    signs += [look.more, look.rule, *(look.state(s) for s in ("running", "lost", None))]
    assert "".join(signs).isascii()
    assert not Look().bars.isascii()


def test_choices_may_change_while_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Remembered(tmp_path, tmp_path / "state")
    kept.keep("a", 1)
    dumps = json.dumps

    def slow(*args: Any, **options: Any) -> str:
        kept.keep(f"other {len(kept._choices)}", 2)  # as the screen's thread does meanwhile
        return dumps(*args, **options)

    monkeypatch.setattr("tui.remembered.json.dumps", slow)
    kept.save()
    monkeypatch.undo()
    kept.save()
    again = Remembered(tmp_path, tmp_path / "state")
    assert (again.number("a"), again.number("other 1")) == (1, 2)
