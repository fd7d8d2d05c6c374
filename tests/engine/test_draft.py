"""Overrides that are written, set and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import draft
from engine.errors import ConfigError

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="$"))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = PLAIN | st.lists(PLAIN, max_size=4)


@given(VALUES)
def test_a_value_written_as_text_is_read_as_the_same_value(value: Any) -> None:
    override = draft.parsed(f"key={draft.text_of(value)}")
    assert override is not None
    assert not override.is_sweep_override()
    assert override.value() == value


@given(TEXTS)
def test_whatever_is_typed_gives_an_override_that_can_be_read(text: str) -> None:
    override = draft.parsed(draft.spelled("key", text))
    assert override is not None
    assert override.key_or_group == "key"


@pytest.mark.parametrize("text", ["1,2,3", "range(1,5)", "choice(a,b)", "glob(*)"])
def test_several_values_stay_several_values(text: str) -> None:
    assert draft.is_sweep([draft.spelled("key", text)])


@given(st.lists(TEXTS.filter(bool)))
def test_the_line_of_overrides_and_the_overrides_are_the_same_thing(overrides: list[str]) -> None:
    assert draft.read_line(draft.write_line(overrides)) == tuple(overrides)


def test_a_quotation_mark_that_is_not_closed_is_told() -> None:
    with pytest.raises(ConfigError, match="quotation"):
        draft.read_line("data.file='a b")


def test_a_key_has_one_override_and_keeps_its_place() -> None:
    overrides = ("a=1", "phase1/encoder=mlp", "b=2", "a=3")
    changed = draft.put(overrides, "a=4")
    assert changed == ("a=4", "phase1/encoder=mlp", "b=2")
    assert draft.put(changed, "c=5")[-1] == "c=5"
    assert draft.without(changed, "a") == ("phase1/encoder=mlp", "b=2")


@pytest.mark.parametrize(
    ("override", "key"),
    [("+a.b=1", "a.b"), ("~a.b", "a.b"), ("++a=1", "a"), ("group@pkg=x", "group"), ("a=b=c", "a")],
)
def test_the_key_of_an_override(override: str, key: str) -> None:
    assert draft.key_of(override) == key
