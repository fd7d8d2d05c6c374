"""The lines of the form: what they say of a choice."""

from __future__ import annotations

from engine.config.form import FormMaker
from tui.configure.rows import rows_of


def test_a_choice_that_follows_from_another_one_is_shown_as_it_is() -> None:
    maker = FormMaker()
    followed = maker.form(("loop=test_mlp",))
    rows = {row.key: row for row in rows_of(followed, followed.overrides)}
    assert (rows["loop"].value, rows["data"].value) == ("test_mlp", "synthetic")
    assert not rows["data"].typed
    taken_back = {row.key: row for row in rows_of(followed, ())}
    assert taken_back["loop"].value == "ae"
