"""What configs there are shows in the form: ours, a user's own, and those with an error."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.config.form import FormMaker
from engine.config.paths import config_dir
from tests.tui.configured import configuring, go_to, override, settled
from tests.tui.conftest import AppAt, run, text_of, wait_for
from tui.arguments import main
from tui.configure.draft_state import Draft, History
from tui.configure.feed import ComposeFeed
from tui.configure.messages import Composed, FormMade, PointsChecked, PointsMade, Wanted
from tui.configure.option_picker import OptionPicker
from tui.configure.preview import change_of, lines_of
from tui.configure.rows import key_in, rows_of
from tui.screens.configure import ConfigurePage


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with groups of somebody's own, and a file that is no YAML."""
    folder = tmp_path / "own"
    (folder / "augmentation").mkdir(parents=True)
    (folder / "augmentation" / "rotate.yaml").write_text(
        "# Turn events [red]about the beam.\n\n# Largest angle.\nangle: 3.14\n"
    )
    (folder / "data").mkdir()
    (folder / "data" / "broken.yaml").write_text("a: 1\nb: [1, 2\nc: 3\n")
    return folder


@pytest.mark.slow
def test_every_config_file_is_in_the_form_as_an_option() -> None:
    maker = FormMaker()
    form = maker.form(())
    rows = {row.key: row for row in rows_of(form, ()) if row.kind == "group"}
    for path in config_dir().rglob("*/*.yaml"):
        name = path.parent.relative_to(config_dir()).as_posix()
        assert path.stem in rows[name].choices
        again = maker.form((f"{name}={path.stem}",))
        found = rows_of(again, again.overrides)
        shown = {row.key: row for row in found if row.kind != "node"}
        assert shown[name].value == path.stem
        assert not any(row.problem for row in shown.values())


def test_a_group_of_the_users_own_is_chosen_and_left_again(
    app_at: AppAt, tmp_path: Path, own: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, tmp_path / "outputs", config_dirs=(own,)) as (pilot, page):
            form = await go_to(pilot, page, "augmentation")
            assert form.row.value == "-"
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, OptionPicker))
            await pilot.press("down")
            await wait_for(pilot, lambda: "Turn events [red]about the beam" in text_of(pilot.app))
            await pilot.press("enter")
            await wait_for(pilot, lambda: page.draft.overrides == ("+augmentation=rotate",))
            await settled(pilot, page)
            assert form.row_of("augmentation.angle").value == "3.14"
            assert f"--config-dir {own}" in page.command
            await go_to(pilot, page, "augmentation")
            await pilot.press("d")
            assert page.draft.overrides == ()

    run(test())


def test_a_file_with_an_error_says_where_and_the_rest_works(
    app_at: AppAt, tmp_path: Path, own: Path
) -> None:
    async def test() -> None:
        async with configuring(app_at, tmp_path / "outputs", config_dirs=(own,)) as (pilot, page):
            await go_to(pilot, page, "data")
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(pilot.app.screen, OptionPicker))
            await wait_for(pilot, lambda: "broken" in text_of(pilot.app))
            assert "line 3" in text_of(pilot.app)
            await pilot.press("escape")
            await override(pilot, page, "data=broken phase1.trainer.lr=0.5")
            assert [one.key for one in page.problems()] == ["data"]
            await pilot.press("exclamation_mark")
            await wait_for(pilot, lambda: "broken.yaml" in text_of(pilot.app))
            form: Any = await go_to(pilot, page, "phase1.trainer.lr")
            assert form.row.value == "0.5"
            (own / "data" / "broken.yaml").write_text("source: mine\nbatch_size: 3\n")
            await override(pilot, page, "phase1.trainer.epochs=3")
            assert not page.problems()
            assert form.row_of("data.batch_size").value == "3"

    run(test())


def test_the_thread_that_composes_lives_on_with_a_broken_default_and_sees_it_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = Path(shutil.copytree(config_dir(), tmp_path / "place" / "configs"))
    monkeypatch.setattr("engine.packaged._PACKAGE", configs.parent / "engine")
    file = configs / "phase1" / "encoder" / "mlp.yaml"
    whole = file.read_text()
    file.write_text("a: [\n")
    told: list[Any] = []
    feed = ComposeFeed((), told.append)
    feed.want(Wanted(1, ("phase1.trainer.lr=0.5",)))
    wait = feed.look()
    assert "line 2" in next(one for one in told if isinstance(one, FormMade)).form.problems[0]
    told.clear()
    assert feed.look() == wait < 2
    assert not told
    file.write_text(whole)
    assert feed.look() > wait
    assert not next(one for one in told if isinstance(one, FormMade)).form.problems


def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "x.svg"
    assert main(["--config-dir", str(tmp_path / "no"), "--screenshot", str(picture)]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert not picture.exists()


def test_a_step_can_be_undone_and_done_again_until_another_is_made() -> None:
    history = History(Draft(("a=1",)))
    assert not history.change(Draft(("a=1",)))
    assert history.change(Draft(("a=2",)))
    assert history.undo()
    assert not history.undo()
    assert history.redo()
    assert history.present.overrides == ("a=2",)
    history.undo()
    history.change(Draft(("a=3",)))
    assert not history.redo()


@pytest.mark.parametrize(
    "record", [{}, {"overrides": 3}, {"overrides": ["a=1", 2]}, {"struck": [["x"], 1, [], [2]]}]
)
def test_a_damaged_draft_is_read_as_far_as_it_goes(record: dict[str, Any]) -> None:
    draft = Draft.from_record(record)
    assert Draft.from_record(draft.as_record()) == draft
    assert all(isinstance(text, str) for text in draft.overrides)


def test_what_is_told_of_an_older_draft_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    page: Any = ConfigurePage()
    shown: list[object] = []
    monkeypatch.setattr(ConfigurePage, "is_running", True)
    for name in ("show_form", "show_points", "show_checked"):
        monkeypatch.setattr(page, name, lambda *what: shown.append(what))
    page._number, form = 2, Any
    for number, n_shown in ((1, 0), (2, 3)):
        page._form_made(FormMade(Wanted(number, ()), form, Composed(), ()))
        page._points_made(PointsMade(number, ()))
        page._points_checked(PointsChecked(number, {}))
        assert len(shown) == n_shown
        assert (page.form is form) == page.is_composed == (number == 2)


def test_what_differs_is_told_beside_default_and_parent() -> None:
    default = {"a": "1", "b.c": "2", "gone": "3"}
    composed = Composed({"a": "1", "b.c": "5", "new": "6"}, default, {"a": "4", "b.c": "2"})
    assert [change_of(composed, key) for key in ("a", "b.c", "gone", "new")] == [
        "same", "changed", "gone", "new"
    ]  # fmt: skip
    three = {one.key: one.texts for one in lines_of(composed) if one.kind == "differing"}
    assert three["b.c"] == ("2", "2", "5")
    assert three["a"] == ("1", "4", "1")


@pytest.mark.parametrize(
    ("sentence", "key"),
    [
        ("phase1.trainer.lr=-1: must be a number", "phase1.trainer.lr"),
        ("phase1/encoder=no: no such option", "phase1/encoder"),
        ("data.path: it is not there", "data.path"),
        ("+mine.x=3: wrong", "mine.x"),
        ("data is empty, and cannot be", "data"),
        ("", ""),
        ("=3: cannot be read", ""),
    ],
)
def test_a_sentence_tells_the_key_that_it_is_about(sentence: str, key: str) -> None:
    assert key_in(sentence) == key
