"""Overrides that are written, set and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from engine.config import draft
from engine.errors import ConfigError

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t"))
ODD = st.text(st.sampled_from("a ${}\\'\":,=[]")) | st.sampled_from(["${device}", "a${b", "\\${x}"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | ODD
KEYS = st.text(st.sampled_from("ab_ ,:=()[]{}\\\t-/."), min_size=1).filter(
    lambda key: "a" in key and key == key.strip()
)
VALUES = PLAIN | st.lists(PLAIN | st.dictionaries(KEYS, PLAIN, max_size=2), max_size=4)


@given(VALUES)
def test_a_value_written_as_text_composes_to_the_same_value(value: Any) -> None:
    override = draft.parsed(f"key={draft.text_of(value)}")
    assert override is not None
    assert not override.is_sweep_override()
    config = OmegaConf.create({"key": None})
    ConfigLoaderImpl._apply_overrides_to_config([override], config)
    assert OmegaConf.to_container(config, resolve=True) == {"key": value}


@pytest.mark.parametrize("text", ["${device}", "a ${b}/c", "\\${x}"])
def test_what_refers_to_another_value_in_a_config_does_so_in_its_text(text: str) -> None:
    override = draft.parsed(f"key={draft.text_of(text, refers=True)}")
    assert override is not None
    assert override.value() == text


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


@pytest.mark.parametrize(
    "text", ["true", "False", "NULL", "Nan", "inf", "none", "on", "yes", "e5", "x1e5", "_", "h5"]
)
def test_a_word_is_written_so_that_it_stays_a_text(text: str) -> None:
    override = draft.parsed(draft.spelled("key", draft.text_of(text)))
    assert override is not None
    assert override.value() == text
