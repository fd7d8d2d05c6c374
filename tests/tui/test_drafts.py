"""Drafts that are kept: by several windows, over the end of the app, and files that are damaged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tui.configure.draft_files import place_of
from tui.configure.draft_state import Draft
from tui.configure.drafts import MOST_LEFT, STEPS, Drafts
from tui.messages import KeepingFailed
from tui.remembered import Remembered
from tui.saving import Saving
from tui.state_files import MOST_BYTES

MANY = frozenset((f"phase1.trainer.seed={n}", "phase1/latent_space=vq") for n in range(3000))


def change(drafts: Drafts, *overrides: str, name: str = "") -> None:
    """Go on to another draft in a window, and have it written."""
    drafts.history.change(Draft(overrides, name=name))
    drafts.keep()
    drafts.save()


def begin(drafts: Drafts, *overrides: str) -> None:
    """Begin another draft in a window, and have it written."""
    drafts.leave()
    change(drafts, *overrides)


def present(folder: Path) -> tuple[str, ...]:
    """What a window that opens now begins with."""
    drafts = Drafts(folder)
    shown = drafts.history.present.overrides
    drafts.close()
    return shown


def left(drafts: Drafts) -> list[tuple[str, ...]]:
    return [one.overrides for one in drafts.left.values()]


def test_drafts_that_others_displace_are_kept_the_newest_first(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    drafts.save_as(Draft(("a=0",), name="kept"))
    change(drafts, "a=0", name="kept")
    for number in range(MOST_LEFT + 3):
        begin(drafts, f"a={number + 1}")
    assert left(drafts)[:2] == [("a=10",), ("a=9",)]
    assert len(drafts.left) == MOST_LEFT
    drafts.delete(next(iter(drafts.left)))
    drafts.delete(place_of("kept"))
    drafts.close()
    again = Drafts(tmp_path)
    assert again.named == {}
    assert again.history.present.overrides == ("a=11",)
    assert left(again)[0] == ("a=9",)
    assert len(list(tmp_path.glob("*.json"))) == MOST_LEFT


def test_a_draft_that_is_left_twice_is_kept_once(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    for overrides in ("a=1", "a=2", "a=1", "a=3"):
        begin(drafts, overrides)
    assert left(drafts) == [("a=1",), ("a=2",)]


def test_two_windows_keep_a_draft_each_and_all_that_they_leave(tmp_path: Path) -> None:
    one, other = Drafts(tmp_path), Drafts(tmp_path)
    change(one, "a=1")
    change(other, "b=1")
    begin(one, "a=2")
    begin(other, "b=2")
    one.look()
    assert left(one) == [("b=2",), ("b=1",), ("a=1",)]
    change(one, "a=3")
    for drafts in (one, other):
        drafts.close()
    assert present(tmp_path) == ("a=3",)
    again = Drafts(tmp_path)
    assert left(again) == [("b=2",), ("b=1",), ("a=1",)]


def test_a_second_window_begins_with_the_draft_of_the_first_and_leaves_it_alone(
    tmp_path: Path,
) -> None:
    one = Drafts(tmp_path)
    change(one, "a=1")
    other = Drafts(tmp_path)
    assert other.history.present.overrides == ("a=1",)
    change(other, "a=2")
    last = Drafts(tmp_path)
    assert last.history.present.overrides == ("a=2",)
    assert left(last) == [("a=1",)]


def test_a_window_that_was_killed_is_gone_on_with_in_the_same_file(tmp_path: Path) -> None:
    one = Drafts(tmp_path)
    change(one, "a=1")
    one._files.let_go_but("")  # as the system does with the locks of a process that ends
    again = Drafts(tmp_path)
    change(again, "a=2")
    assert left(again) == []
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_draft_that_another_window_is_at_is_not_removed(tmp_path: Path) -> None:
    one, other = Drafts(tmp_path), Drafts(tmp_path)
    assert other.history.present.is_empty
    change(one, "a=1")
    other.look()
    other.delete(next(iter(other.left)))
    other.save()
    other.look()
    assert left(other) == [("a=1",)]


def test_drafts_that_differ_in_their_struck_points_are_two(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    named = Draft(("a=1,2",), name="n")
    drafts.save_as(named)
    drafts.history.change(named)
    struck = Draft(("a=1,2",), frozenset({("a=1",)}), name="n")
    drafts.history.change(struck)
    assert drafts.leave()
    drafts.history.change(Draft())
    assert list(drafts.left.values()) == [struck]
    drafts.history.change(named)
    assert not drafts.leave(), "it is kept by its name"


def test_drafts_of_large_sweeps_are_kept(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    drafts.save_as(Draft(("a=1",), MANY, name="big"))
    begin(drafts, "b=1")
    drafts.history.change(Draft(("b=1",), MANY))
    drafts.keep()
    drafts.close()
    again = Drafts(tmp_path)
    assert again.named["big"].struck == MANY
    assert again.history.present.struck == MANY


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b" " * (MOST_BYTES + 1)])
def test_a_damaged_draft_harms_no_other_and_is_kept_under_another_name(
    tmp_path: Path, content: bytes
) -> None:
    drafts = Drafts(tmp_path)
    drafts.save_as(Draft(("a=1",), name="good"))
    change(drafts, "b=1")
    drafts.close()
    (tmp_path / f"{place_of('bad')}.json").write_bytes(content)
    again = Drafts(tmp_path)
    again.save_as(Draft(("c=1",), name="bad"))
    again.close()
    assert list(Drafts(tmp_path).named) == ["bad", "good"]
    (aside,) = tmp_path.glob("*.unread-*")
    assert aside.read_bytes() == content
    assert aside.name in again.problems[0]


def test_the_last_steps_can_be_undone_in_another_window(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    for number in range(STEPS + 5):
        change(drafts, f"a={number}")
    drafts.close()
    history = Drafts(tmp_path).history
    assert history.undo()
    assert history.present.overrides == (f"a={STEPS + 3}",)
    while history.undo():
        pass
    assert history.present.overrides == ("a=4",)


def test_a_draft_that_was_put_aside_does_not_become_the_present_one(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    change(drafts, "a=1")
    drafts.put_aside(Draft(("b=1",), parent="/runs/one"))
    drafts.close()
    again = Drafts(tmp_path)
    assert again.history.present.overrides == ("a=1",)
    assert left(again) == [("b=1",)]


def test_where_nothing_can_be_written_it_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    drafts = Drafts(tmp_path / "file" / "below")
    change(drafts, "a=1")
    change(drafts, "a=2")
    (problem,) = drafts.problems
    assert "the draft is not kept" in problem
    assert drafts.history.present.overrides == ("a=2",)


def test_a_draft_is_written_as_soon_as_it_is_changed(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path / "drafts")
    saving = Saving(Remembered("/some/root", tmp_path), drafts, print)
    saving.start()
    for number in range(30):
        drafts.history.change(Draft((f"a={number}",)))
        drafts.keep()
        saving.hurry()
    end = time.monotonic() + 5
    while not any('"a=29"' in path.read_text() for path in tmp_path.glob("drafts/*.json")):
        assert time.monotonic() < end
        time.sleep(0.001)
    saving.stop()


def test_what_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    kept = Remembered("/some/root", tmp_path)
    assert kept.path is not None
    kept.path.write_text("{")
    told: list[object] = []
    saving = Saving(Remembered("/some/root", tmp_path), Drafts(None), told.append)
    saving.look()
    saving.look()
    (message,) = told
    assert isinstance(message, KeepingFailed)
    assert "It is kept as" in message.problem
