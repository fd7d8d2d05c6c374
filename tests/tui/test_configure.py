"""Configuring a training: options, values, overrides, undo, drafts, problems."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from tests.conftest import long_form
from tests.tui.configured import (
    configuring,
    go_to,
    make_past_run,
    override,
    settled,
    type_text,
)
from tests.tui.conftest import AppAt, check_snapshot, run, text_of, wait_for
from tui.app import ThesisApp
from tui.configure import opening
from tui.configure.check_list import CheckList
from tui.configure.draft_state import Draft
from tui.configure.form_list import FormList
from tui.configure.launch_dialog import LaunchDialog
from tui.configure.messages import Cloned
from tui.configure.option_picker import OptionPicker
from tui.configure.override_line import OverrideLine
from tui.dialogs import TextDialog
from tui.screens.configure import ConfigurePage
from tui.screens.runs import RunsPage
from tui.widgets.prompt import Prompt

SIZES = [(120, 40), *long_form(((60, 16),), ((200, 60),))]
BAD = "phase1.trainer.epochs=x phase1.trainer.lr=-1 phase1.trainer.epoc=3"


@pytest.fixture
def root(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty root that the config itself names, so that no command has to."""
    monkeypatch.setenv("THESIS_DATA_ROOT", "/data")
    return own_folder / "outputs"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the screen has said in passing."""
    told: list[str] = []
    monkeypatch.setattr(ConfigurePage, "notify", lambda _, text, **how: told.append(text))
    monkeypatch.setattr(ThesisApp, "notify", lambda _, text, **how: told.append(text))
    return told


def test_an_option_is_chosen_and_its_values_appear(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            form = await go_to(pilot, page, "phase1/latent_space")
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, OptionPicker))
            await wait_for(pilot, lambda: "nearest of codebook_size" in text_of(pilot.app))
            await type_text(pilot, "vq")
            await pilot.press("enter")
            await wait_for(pilot, lambda: page.draft.overrides == ("phase1/latent_space=vq",))
            await settled(pilot, page)
            row = form.row_of("phase1.latent_space.codebook_size")
            assert (row.value, row.typed) == ("512", False)
            assert "thesis-train phase1/latent_space=vq" in text_of(pilot.app)
            assert "+     codebook_size: 512" in text_of(pilot.app)

    run(test())


def test_several_options_are_a_sweep_and_the_default_is_no_override(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            form = await go_to(pilot, page, "phase1/latent_space")
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, OptionPicker))
            await pilot.press("space", "space", "enter")
            await wait_for(pilot, lambda: page.draft.overrides)
            await settled(pilot, page)
            assert len(page.points_list.points) == 2
            assert form.row.value == "none,vq"
            await pilot.press("d")
            assert page.draft.overrides == ()
            await pilot.press("space")  # the next option
            assert page.draft.overrides == ("phase1/latent_space=vq",)

    run(test())


def test_a_wrong_value_is_told_while_it_is_typed_and_can_be_put_right(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await go_to(pilot, page, "phase1.trainer.epochs")
            await pilot.press("enter", "backspace", "backspace", "x")
            told = "! phase1.trainer.epochs=x: must be a whole number at least 1"
            await wait_for(pilot, lambda: told in text_of(pilot.app))
            await pilot.press("enter")
            assert page.draft.overrides == ("phase1.trainer.epochs=x",)
            await settled(pilot, page)
            assert [one.key for one in page.problems()] == ["phase1.trainer.epochs"]
            await pilot.press("enter", "backspace", "5", "enter")
            await settled(pilot, page)
            assert page.draft.overrides == ("phase1.trainer.epochs=5",)
            assert not page.problems()
            await pilot.press("enter", "9", "escape")
            assert page.draft.overrides == ("phase1.trainer.epochs=5",)

    run(test())


def test_choices_of_a_value_are_turned_through(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            form = await go_to(pilot, page, "phase1.trainer.schedule")
            await pilot.press("right")
            assert page.draft.overrides == ("phase1.trainer.schedule=cosine",)
            assert form.row.value == "cosine"  # before anything is composed
            await pilot.press("left")
            assert page.draft.overrides == ()

    run(test())


def test_overrides_that_are_typed_move_the_form_and_escape_takes_them_back(
    app_at: AppAt, root: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            form = page.query_one(FormList)
            await pilot.press("colon")
            line = page.query_one(OverrideLine).query_one(Prompt)
            line.insert_text_at_cursor("phase1.trainer.lr=")
            await type_text(pilot, "0.5")
            await settled(pilot, page)
            row = form.row_of("phase1.trainer.lr")
            assert row is not None
            assert row.value == "0.5"
            await pilot.press("escape")
            await settled(pilot, page)
            assert page.draft.overrides == ()
            await override(pilot, page, "phase1.trainer.lr=0.5 phase1.trainer.lr=0.25")
            assert page.draft.overrides == ("phase1.trainer.lr=0.25",)
            await pilot.press("u")
            assert page.draft.overrides == ()

    run(test())


def test_an_unclosed_quotation_mark_leaves_the_form(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await pilot.press("e", "a", "apostrophe")
            await wait_for(pilot, lambda: "Close what is quoted" in text_of(pilot.app))
            assert page.draft.overrides == ("a",)
            await pilot.press("escape")
            assert page.draft.overrides == ()

    run(test())


def test_another_option_drops_the_values_that_go_with_the_first_and_undo_has_them_back(
    app_at: AppAt, root: Path, said: list[str]
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            typed = "phase1/latent_space=vq phase1.latent_space.decay=0.5 phase1.trainer.lr=0.1"
            await override(pilot, page, typed)
            before = page.draft.overrides
            await go_to(pilot, page, "phase1/latent_space")
            await pilot.press("d")
            await settled(pilot, page)
            assert page.draft.overrides == ("phase1.trainer.lr=0.1",)
            assert "phase1.latent_space.decay=0.5" in said[-1]
            await pilot.press("u")
            await settled(pilot, page)
            assert page.draft.overrides == before
            assert not page.problems()
            await pilot.press("ctrl+r")
            assert page.draft.overrides == ("phase1.trainer.lr=0.1",)

    run(test())


def test_all_problems_are_told_and_a_key_goes_from_field_to_field(
    app_at: AppAt, root: Path, said: list[str]
) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await override(pilot, page, BAD)
            assert len(page.problems()) == 3
            form: Any = page.query_one(FormList)
            await pilot.press("exclamation_mark")
            assert page.query_one(OverrideLine).is_open  # of a key that is nowhere
            await pilot.press("escape", "exclamation_mark")
            assert (form.row.key, form.has_focus) == ("phase1.trainer.epochs", True)
            await pilot.press("exclamation_mark")
            assert form.row.key == "phase1.trainer.lr"
            await settled(pilot, page)
            await pilot.press("L")
            await wait_for(pilot, lambda: said)
            assert "would not train" in said[-1]
            assert not isinstance(pilot.app.screen, LaunchDialog)

    run(test())


def test_a_draft_survives_the_end_of_the_app(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            await override(pilot, page, "phase1.trainer.lr=0.1,0.2")
            await pilot.press("3", "x", "escape", "w")
            await type_text(pilot, "good")
            await pilot.press("enter")
            await wait_for(pilot, lambda: page.draft.name == "good")
            await pilot.press("N")
            assert page.draft.is_empty
            await override(pilot, page, "device=cpu")
            folder = pilot.app.remembered.folder  # type: ignore[attr-defined]
            await wait_for(
                pilot, lambda: any("device=cpu" in f.read_text() for f in folder.glob("*.json"))
            )
        async with configuring(app_at, root) as (pilot, page):
            assert page.draft.overrides == ("device=cpu",)
            await pilot.press("o")
            await wait_for(pilot, lambda: "lr=0.1,0.2" in text_of(pilot.app))
            await pilot.press("enter")
            await wait_for(pilot, lambda: page.draft.name == "good")
            await settled(pilot, page)
            assert page.points_list.left_out == (0,)
            await pilot.press("o", "down", "enter")
            await wait_for(pilot, lambda: page.draft.overrides == ("device=cpu",))

    run(test())


def test_a_past_run_is_opened_as_a_draft_beside_its_own_config(app_at: AppAt, root: Path) -> None:
    path = make_past_run(root)

    async def test() -> None:
        async with app_at(root, size=(140, 40)) as pilot:
            await wait_for(pilot, lambda: pilot.app.screen.table.row)  # type: ignore[attr-defined]
            await pilot.press("e")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, ConfigurePage))
            page: ConfigurePage = pilot.app.screen  # type: ignore[assignment]
            await wait_for(pilot, lambda: page.draft.parent == str(path))
            await settled(pilot, page)
            assert "phase1.encoder.hidden_dims=[64]" in page.draft.overrides
            await override(pilot, page, "phase1.trainer.lr=0.1")
            await pilot.press("2", "home")
            await wait_for(pilot, lambda: "parent" in text_of(pilot.app))
            seen = text_of(pilot.app)
            assert re.search(r"trainer\.lr +0\.001 +0\.01 +0\.1\n", seen + "\n")
            assert "codebook_size" in text_of(pilot.app)
            assert re.search(r"/latent_space +none +vq +vq\n", seen + "\n")

    run(test())


def test_what_composes_is_loaded_before_anybody_asks_for_it(
    app_at: AppAt, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "WARM_S", 0.01)

    async def test() -> None:
        async with app_at(root) as pilot:
            app: Any = pilot.app
            await wait_for(pilot, lambda: app._composing and app._composing._maker)
            feed = app._composing
            await pilot.press("N")
            await wait_for(pilot, lambda: isinstance(app.screen, ConfigurePage))
            await settled(pilot, app.screen)
            assert app._composing is feed

    run(test())


def test_the_draft_of_a_run_takes_the_place_of_another_that_is_kept(
    app_at: AppAt, root: Path, said: list[str]
) -> None:
    clone = Draft(("phase1.trainer.lr=0.01",), parent="/runs/one")

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            page.set_overrides(("phase1.trainer.epochs=4",))
            page._run = clone.parent
            page.post_message(Cloned(clone.parent, clone.overrides))
            await wait_for(pilot, lambda: page.draft == clone)
            assert "the draft before is kept: o lists it" in said[-1]
            assert Draft(("phase1.trainer.epochs=4",)) in page.drafts.left.values()

    run(test())


def test_a_name_that_is_taken_is_asked_about(app_at: AppAt, root: Path) -> None:
    async def save_as(pilot: Any, name: str) -> None:
        await pilot.press("w")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
        pilot.app.screen.query_one(Input).value = name
        await pilot.press("enter")

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            first, other = Draft(("device=cpu",), name="good"), ("device=cuda",)
            page.drafts.save_as(first)
            page.set_overrides(other)
            for key, kept in (("n", first.overrides), ("y", other)):
                await save_as(pilot, "good")
                await wait_for(pilot, lambda: "replace good?" in text_of(pilot.app))
                assert "is lost: device=cpu" in text_of(pilot.app)
                await pilot.press(key)
                await wait_for(pilot, lambda kept=kept: page.drafts.named["good"].overrides == kept)
            assert page.draft.name == "good"
            await save_as(pilot, "good")
            await wait_for(pilot, lambda: pilot.app.screen is page)

    run(test())


def test_steps_can_be_undone_after_the_screen_was_left(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            page.set_overrides(("device=cpu",))
            page.set_overrides(("device=cuda",))
            await pilot.press("escape")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, RunsPage))
            await pilot.press("N")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, ConfigurePage))
            again: Any = pilot.app.screen
            await wait_for(pilot, lambda: again.draft.overrides == ("device=cuda",))
            await pilot.press("u")
            assert again.draft.overrides == ("device=cpu",)
            await pilot.press("ctrl+r")
            assert again.draft.overrides == ("device=cuda",)

    run(test())


def test_the_key_to_launch_may_be_typed_ahead_of_the_form(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            page.set_overrides(["phase1.trainer.lr=x"])
            assert not page.is_composed
            await pilot.press("L")
            await wait_for(pilot, lambda: page.query_one(CheckList).display)
            assert [problem.key for problem in page.problems()] == ["phase1.trainer.lr"]

    run(test())


def test_read_only_starts_nothing(app_at: AppAt, root: Path, said: list[str]) -> None:
    async def test() -> None:
        async with configuring(app_at, root, read_only=True) as (pilot, page):
            await pilot.press("L")
            assert "--read-only" in said[-1]
            assert page.doing == ""

    run(test())


def test_escape_leads_out_layer_by_layer(app_at: AppAt, root: Path) -> None:
    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            form = page.query_one(FormList)
            await pilot.press("slash")
            await type_text(pilot, "warm")
            await pilot.press("enter")
            assert [row.key for row in form.rows if row.can_change] == [
                "phase1.trainer.warmup_epochs"
            ]
            await pilot.press("3", "escape")
            assert page.part == 0
            await pilot.press("escape")
            assert not form.searched
            await pilot.press("escape")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, RunsPage))

    run(test())


@pytest.mark.parametrize("size", SIZES, ids=("120x40", "60x16", "200x60"))
def test_the_screen_looks_as_it_did(app_at: AppAt, root: Path, size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"

    async def test() -> None:
        async with configuring(app_at, root, size) as (pilot, page):
            await override(pilot, page, f"{BAD} phase1.latent_dim=8,16")
            for part, key in (("form", "1"), ("composed", "2"), ("points", "3"), ("check", "4")):
                await pilot.press(key, "home")
                await settled(pilot, page)
                check_snapshot(pilot.app, f"configure_{part}_{name}")
            await go_to(pilot, page, "phase1/latent_space")
            await pilot.press("enter")
            await wait_for(pilot, lambda: "type to search" in text_of(pilot.app))
            await pilot.pause()
            check_snapshot(pilot.app, f"configure_picker_{name}")

    run(test())


def test_a_line_end_in_a_value_stays_while_something_else_is_edited(
    app_at: AppAt, root: Path
) -> None:
    odd = "+x='a\nb\tc'"

    async def test() -> None:
        async with configuring(app_at, root) as (pilot, page):
            page.set_overrides((odd,))
            await settled(pilot, page)
            await override(pilot, page, "phase1.latent_dim=8")
            assert page.draft.overrides == (odd, "phase1.latent_dim=8")
            await go_to(pilot, page, "x")
            await pilot.press("enter", "enter")
            await settled(pilot, page)
            assert page.draft.overrides[0] == odd

    run(test())
