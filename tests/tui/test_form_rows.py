"""The lines of the form: what they say of a choice."""

from __future__ import annotations

from engine.config.form import Form, FormMaker
from tui.configure.rows import Row, rank, rows_of


def groups_of(form: Form, overrides: tuple[str, ...]) -> dict[str, Row]:
    return {row.key: row for row in rows_of(form, overrides) if row.kind == "group"}


def test_a_choice_that_follows_from_another_one_is_shown_as_it_is() -> None:
    maker = FormMaker()
    followed = maker.form(("loop=test_mlp",))
    rows = groups_of(followed, followed.overrides)
    assert (rows["loop"].value, rows["data"].value) == ("test_mlp", "synthetic")
    assert not rows["data"].typed
    assert groups_of(followed, ())["loop"].value == "ae", "as it was, if it is taken back"


def test_a_search_has_lines_found_by_their_name_before_those_found_by_a_comment() -> None:
    form = FormMaker().form(())
    rows = rows_of(form, (), "epochs")
    assert min(rows, key=lambda row: rank(row, "epochs")).key == "phase1.trainer.epochs"
    values = [rank(row, "epochs") for row in rows if row.kind == "value"]
    assert values == sorted(values)
    assert {0, 2} <= {rank(row, "epochs") for row in rows}


def test_groups_that_do_not_go_together_are_marked_as_wrong_values_are() -> None:
    words = ("phase1/decoder=diffusion", "phase1/encoder=gan", "phase1.trainer.lr=0")
    rows = rows_of(FormMaker().form(words), words)
    wrong = {row.key: row.problem.partition(":")[0] for row in rows if row.problem}
    assert wrong == {word.partition("=")[0]: word for word in words}
