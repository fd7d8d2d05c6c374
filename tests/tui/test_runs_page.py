"""The first screen, with run directories on disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from engine.facts.labels import read_labels
from engine.facts.run_dir import RunDir
from tests.bench.tree import make_run, make_tree
from tests.tui.assorted import make_assorted
from tests.tui.conftest import AppAt, lines_of, run, text_of, wait_for
from tui.remembered import Remembered
from tui.screens import shown_runs
from tui.screens.runs import RunsPage
from tui.table.rows import Arranger
from tui.table.run_table import RunTable


def page_of(pilot: Pilot[int]) -> RunsPage:
    """The page, which stands below whatever is asked."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, RunsPage))


def ids(pilot: Pilot[int]) -> list[str]:
    """The last parts of what the rows are known by."""
    return [row.id.rsplit("_", 1)[-1] for row in page_of(pilot).table.arranged.rows]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six runs of three learning rates."""
    folder = tmp_path / "out"
    make_tree(folder, 6, epochs=4)
    return folder


@pytest.mark.parametrize("size", [(20, 5), (60, 16), (120, 40), (300, 100)])
def test_every_run_has_a_row_at_any_size(app_at: AppAt, root: Path, size: tuple[int, int]) -> None:
    async def test() -> None:
        async with app_at(root, size=size) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            shown = ("val_l", "job5")
            await wait_for(pilot, lambda: all(text in text_of(pilot.app) for text in shown))
            assert page_of(pilot).table.display

    run(test())


def test_a_narrow_screen_has_sign_name_progress_and_loss(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, size=(60, 16)) as pilot:
            await wait_for(pilot, lambda: "name" in lines_of(pilot.app)[1])
            titles = lines_of(pilot.app)[1]
            assert all(title in titles for title in ("name", "epoch", "val_loss"))
            assert "✓" in lines_of(pilot.app)[2]

    run(test())


def test_a_filter_is_seen_while_it_is_typed_and_stays_after_enter(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("slash", *"seed=3")
            await wait_for(pilot, lambda: ids(pilot) == ["job3"])
            assert "1 of 6" in text_of(pilot.app)
            await pilot.press("enter")
            await wait_for(pilot, lambda: "filter seed=3" in lines_of(pilot.app)[0])
            await pilot.press("escape")
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)

    run(test())


def test_escape_in_the_filter_has_the_filter_as_it_was(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, filter="seed<2") as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 2)
            await pilot.press("slash", *" seed=1")
            await wait_for(pilot, lambda: len(ids(pilot)) == 1)
            await pilot.press("escape")
            await wait_for(pilot, lambda: len(ids(pilot)) == 2)
            assert page_of(pilot).view.filter == "seed<2"

    run(test())


def test_a_filter_that_cannot_be_read_is_told_while_the_last_runs_stay(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("slash", *"lr>nonsense")
            await wait_for(pilot, lambda: "lr is a number" in text_of(pilot.app))
            assert ids(pilot)
            await pilot.press("enter")
            assert page_of(pilot).filter_bar.is_open

    run(test())


def test_a_filter_that_matches_nothing_yet_is_told_in_the_head(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, filter="seed<2") as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 2)
            await pilot.press("slash", *" zzz")
            await wait_for(pilot, lambda: "none of 6" in text_of(pilot.app))
            head = lines_of(pilot.app)[0]
            assert "nothing matches yet; the last that did:  2 of 6 runs" in head
            assert "filter seed<2" in head
            assert "zzz" not in head
            assert len(ids(pilot)) == 2
            await pilot.press("enter")
            await wait_for(pilot, lambda: "none of 6 runs matches" in text_of(pilot.app))
            assert "0 of 6 runs" in lines_of(pilot.app)[0]
            await pilot.press("escape")
            await wait_for(pilot, lambda: "none of" not in text_of(pilot.app))
            assert "job" in lines_of(pilot.app)[2]
            assert "nothing matches" not in lines_of(pilot.app)[0]

    run(test())


def test_the_states_in_the_head_are_those_of_the_runs_that_match(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, filter="seed<2") as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 2)
            told = re.findall(
                r"(\d+) (?:running|failed|lost|stopped|finished)", lines_of(pilot.app)[0]
            )
            assert sum(map(int, told)) == 2

    run(test())


def test_tab_completes_a_word_of_the_filter(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("slash", *"enco")
            await wait_for(pilot, lambda: "encoder" in lines_of(pilot.app)[-3])
            await pilot.press("tab")
            assert page_of(pilot).query_one(Input).value.startswith("encoder")

    run(test())


def test_a_filter_that_matches_nothing_gets_a_calm_screen(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, filter="state=lost") as pilot:
            await wait_for(pilot, lambda: "none of 6 runs matches" in text_of(pilot.app))
            assert "esc clears the filter" in text_of(pilot.app)

    run(test())


def test_the_first_run_that_a_filter_finds_may_have_fewer_columns(
    app_at: AppAt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal may draw a table that was hidden before it has been told its new size."""
    root = tmp_path / "out"
    runs = len(make_assorted(root))
    show = RunTable.show

    def show_and_draw(table: RunTable, *rows: Any) -> None:
        show(table, *rows)
        table.render_line(1)

    monkeypatch.setattr(RunTable, "show", show_and_draw)

    async def test() -> None:
        async with app_at(root, size=(160, 48)) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == runs)
            await pilot.press("slash", *"name~found", "enter")
            await wait_for(pilot, lambda: f"none of {runs} runs matches" in text_of(pilot.app))
            make_run(root / "runs" / "run_20250109-093000_found")
            app: Any = pilot.app
            app.library.hurry()
            await wait_for(pilot, lambda: "✓" in lines_of(pilot.app)[2])
            assert "found" in lines_of(pilot.app)[2]

    run(test())


def test_a_root_without_runs_says_how_to_start_one(app_at: AppAt, tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "empty").mkdir()
        async with app_at(tmp_path / "empty", size=(60, 16)) as pilot:
            await wait_for(pilot, lambda: "no runs yet" in text_of(pilot.app))
            assert "thesis-train" in text_of(pilot.app)
            assert "thesis-tui --root" in text_of(pilot.app)
            await wait_for(pilot, lambda: "Mark" not in lines_of(pilot.app)[-1])
            assert not {"Compare", "Sort", "Filter"} & set(lines_of(pilot.app)[-1].split())
            make_run(tmp_path / "empty" / "runs" / "run_20250105-093000_ae")
            app: Any = pilot.app
            app.library.hurry()
            await wait_for(pilot, lambda: "Mark" in lines_of(pilot.app)[-1])

    run(test())


def test_a_root_that_is_not_there_is_told_and_found_later(app_at: AppAt, tmp_path: Path) -> None:
    async def test() -> None:
        async with app_at(tmp_path / "later") as pilot:
            await wait_for(pilot, lambda: "looks again by itself" in text_of(pilot.app))
            make_run(tmp_path / "later" / "runs" / "run_20260101-000000_ae")
            await wait_for(pilot, lambda: len(ids(pilot)) == 1, timeout=20)
            assert page_of(pilot).table.display

    run(test())


def test_runs_are_sorted_by_a_key_that_is_picked_and_turned_round(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("s", *"seed", "enter")
            await wait_for(pilot, lambda: ids(pilot)[0] == "job0")
            await pilot.press("S")
            await wait_for(pilot, lambda: "↓seed" in lines_of(pilot.app)[1])
            assert ids(pilot)[0] == "job5"

    run(test())


def test_a_click_on_a_title_sorts(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: "val_loss" in lines_of(pilot.app)[1])
            place = lines_of(pilot.app)[1].index("val_loss")
            await pilot.click("RunTable", offset=(place, 0))
            await wait_for(pilot, lambda: "↑val_loss" in lines_of(pilot.app)[1])
            assert page_of(pilot).view.sort[0] == "val_loss"

    run(test())


@pytest.mark.parametrize("keys", ["g l r space enter", "g l r enter"])
def test_runs_are_grouped_by_keys_and_groups_are_closed(
    app_at: AppAt, root: Path, keys: str
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press(*keys.split())
            await wait_for(pilot, lambda: len(ids(pilot)) == 9)
            await pilot.press("home", "left")
            await wait_for(pilot, lambda: len(ids(pilot)) == 7)
            await pilot.press("down", "down", "left")
            assert page_of(pilot).table.cursor == 1

    run(test())


def test_columns_are_picked_by_typing_their_names(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("C", *"name,seed", "enter")
            await wait_for(pilot, lambda: lines_of(pilot.app)[1].split() == ["name", "seed"])
            assert page_of(pilot).view.columns == ("name", "seed")

    run(test())


def test_marked_runs_are_compared_and_one_alone_is_not(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            asked: list[list[str]] = []
            monkeypatch.setattr(pilot.app, "compare", asked.append)
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("c")
            assert not asked
            await pilot.press("space", "space", "c")
            assert page_of(pilot).table.cursor == 2
            assert [path.rsplit("_", 1)[-1] for path in asked[0]] == ["job4", "job5"]
            await pilot.press("escape")
            assert not page_of(pilot).marked

    run(test())


def test_a_new_run_leaves_the_cursor_on_its_run(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("down", "down", "space", "up")
            before = page_of(pilot).table.row
            make_tree(root, 1, epochs=2, begin=6)
            await wait_for(pilot, lambda: len(ids(pilot)) == 7, timeout=20)
            after = page_of(pilot).table.row
            assert before is not None
            assert after is not None
            assert after.id == before.id
            assert len(page_of(pilot).marked) == 1

    run(test())


def test_pins_hidden_runs_and_archived_ones_are_kept_apart(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("end", "p")
            await wait_for(pilot, lambda: ids(pilot)[0] == "job0")
            await pilot.press("end", "H")
            await wait_for(pilot, lambda: len(ids(pilot)) == 5)
            await pilot.press("end", "A")
            await wait_for(pilot, lambda: len(ids(pilot)) == 4, timeout=20)
            assert read_labels(RunDir(next(root.glob("runs/*_job2")))).archived
            await pilot.press("U")
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)

    run(test())


def test_tags_and_a_note_are_written(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("t", *"paper", "enter")
            labels = RunDir(next(root.glob("runs/*_job5")))
            await wait_for(pilot, lambda: read_labels(labels).tags == ("paper",))
            await pilot.press("n", *"good", "enter")
            await wait_for(pilot, lambda: read_labels(labels).note == "good")
            await wait_for(pilot, lambda: "good" in text_of(pilot.app), timeout=20)
            assert "paper" in text_of(pilot.app)

    run(test())


def test_nothing_is_changed_where_only_reading_is_allowed(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, read_only=True) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("t", "A", "n", "X")
            await pilot.pause()
            assert not list(root.glob("runs/*/labels.json"))
            assert pilot.app.screen is page_of(pilot)

    run(test())


def test_the_view_is_as_it_was_the_next_time(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("s", *"seed", "enter", "f", "space")
            await wait_for(pilot, lambda: page_of(pilot).view.sort[0] == "seed")
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: bool(ids(pilot)))
            assert page_of(pilot).view.sort[0] == "seed"
            assert page_of(pilot).view.seeds
            assert page_of(pilot).marked

    run(test())


def test_many_runs_are_put_in_order_by_a_thread(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr(shown_runs, "AT_ONCE", 2)
        async with app_at(root) as pilot:
            page = page_of(pilot)
            await wait_for(pilot, lambda: page.is_settled and page.table.arranged.is_whole)
            await pilot.press("slash", *"seed>3", "enter", "f")
            await wait_for(pilot, lambda: page.is_settled and len(page.table.arranged.shown) == 2)
            assert page.view.filter == "seed>3"

    run(test())


def test_nothing_is_drawn_where_nothing_changed(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            table = page_of(pilot).table
            await wait_for(pilot, lambda: pilot.app.is_settled and "▁" in text_of(pilot.app))
            await pilot.pause()
            drawn: list[object] = []
            table.refresh = lambda *regions, **how: drawn.append(regions)  # type: ignore[method-assign]
            table.update_lines()
            assert not drawn
            await pilot.press("down")
            assert len(drawn) == 1

    run(test())


def test_enter_opens_the_run_and_a_group(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            opened: list[str] = []
            monkeypatch.setattr(pilot.app, "open_run", opened.append)
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("down", "enter")
            assert opened[0].endswith("job4")
            await pilot.press("f", "home", "enter")
            await wait_for(pilot, lambda: page_of(pilot).table.row.is_open)  # type: ignore[union-attr]

    run(test())


def test_paths_and_commands_are_copied(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            copied: list[str] = []
            monkeypatch.setattr(pilot.app, "copy", lambda text, what: copied.append(text))
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("y", "Y")
            assert copied[0].endswith("job5")
            assert copied[1].startswith("thesis-train")

    run(test())


def test_a_name_that_would_write_to_the_terminal_is_shown_plain(
    app_at: AppAt, tmp_path: Path
) -> None:
    async def test() -> None:
        make_run(tmp_path / "bad" / "runs" / "run_20260101-000000_\x1b[31m[red]x")
        async with app_at(tmp_path / "bad") as pilot:
            await wait_for(pilot, lambda: "[red]x" in text_of(pilot.app))
            assert "\x1b" not in text_of(pilot.app)

    run(test())


def test_a_filter_is_decided_by_its_own_text_and_not_by_the_answer_to_an_older_one(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            bar = page_of(pilot).filter_bar
            await pilot.press("slash", *"seed=3")
            bar.tell("", "no run here has a key see", wrong="see")
            await pilot.press("enter")
            await wait_for(pilot, lambda: not bar.is_open)
            await pilot.press("slash", *" (")
            bar.tell("1 of 6")
            await pilot.press("enter")
            assert bar.is_open
            assert "a condition is missing" in text_of(pilot.app)

    run(test())


def test_the_line_below_a_filter_is_plain_text(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("slash", "(")
            page_of(pilot).filter_bar.tell("", "no run \x1b[2Jhas \x07it", wrong="(")
            assert page_of(pilot).filter_bar._problem == "no run has it"

    run(test())


def test_rows_of_an_older_list_are_not_shown(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root) as pilot:
            page = page_of(pilot)
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            older = pilot.app.runs[:2]  # type: ignore[attr-defined]
            page.post_message(page.Ready(older, page.view, Arranger().arrange(older, page.view)))
            await pilot.pause(0.05)
            assert len(ids(pilot)) == 6

    run(test())


def test_many_runs_start_with_a_column_though_none_was_left(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr(shown_runs, "AT_ONCE", 2)
        names = "state name encoder decoder latent_space lr seed progress curve val_loss seen where"
        kept = Remembered(root, root.parent / "state")
        kept.keep("runs.columns", [f"-{name}" for name in names.split()])
        kept.save()
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await wait_for(pilot, lambda: page_of(pilot).table.arranged.is_whole)
            assert page_of(pilot).table.arranged.names == ("name",)

    run(test())


def test_a_filter_that_was_given_is_not_remembered_until_it_is_typed(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with app_at(root, filter="seed<2") as pilot:
            remembered = pilot.app.remembered  # type: ignore[attr-defined]
            await wait_for(pilot, lambda: len(ids(pilot)) == 2)
            await pilot.press("S")
            assert remembered.texts("runs.sort")
            assert remembered.text("runs.filter") == ""
            await pilot.press("slash", *" seed=1", "enter")
            await wait_for(pilot, lambda: remembered.text("runs.filter") == "seed<2 seed=1")

    run(test())


def test_a_remembered_filter_that_cannot_be_used_is_forgotten(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        kept = Remembered(root, root.parent / "state")
        kept.keep("runs.filter", "nonsense=1")
        kept.save()
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
        assert Remembered(root, root.parent / "state").text("runs.filter") == ""

    run(test())


def test_keys_that_come_in_one_burst_act_in_their_order(app_at: AppAt, root: Path) -> None:
    burst = ["slash", *"wrong", "ctrl+u", *"seed=12", "backspace", "enter"]

    async def test() -> None:
        async with app_at(root) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            for key in burst:
                character = {"slash": "/", "equals_sign": "="}.get(key, key)
                pilot.app.post_message(events.Key(key, character if len(character) == 1 else None))
            await wait_for(pilot, lambda: page_of(pilot).view.filter == "seed=1")
            await wait_for(pilot, lambda: ids(pilot) == ["job1"])
            assert not page_of(pilot).filter_bar.is_open

    run(test())


def test_the_help_has_every_key_and_none_of_the_stock_words(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with app_at(root, size=(120, 60)) as pilot:
            await wait_for(pilot, lambda: len(ids(pilot)) == 6)
            await pilot.press("enter", "question_mark")
            await wait_for(pilot, lambda: "everywhere" in text_of(pilot.app))
            text = text_of(pilot.app)
            assert re.search(r"esc, q +Back", text)
            assert not re.search("Page Left|Focus Next|Copy selected", text)

    run(test())
