"""The values that an override lists for a sweep, never more of them than somebody asks for."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep, Transformer
from hydra.errors import HydraException


def sweep_texts(override: Override, most: int) -> list[str]:
    """The first values, as an override has them; see `sweep_values`."""
    return [str(value) for value in _listed(override, most, Transformer.str)]


def sweep_values(override: Override, most: int) -> list[Any]:
    """The first values of a sweep.

    Raises
    ------
    ValueError
        If there is no list of them; tells the override and why.
    """
    return _listed(override, most, Transformer.identity)


def _listed(override: Override, most: int, form: Any) -> list[Any]:
    if not override.is_discrete_sweep():
        told = "an interval has no list of values; use range()"
        raise ValueError(f"{override.input_line}: {told}")
    # Hydra makes the whole list of a range to shuffle it, however long that is.
    unshuffled = _unshuffled(override)
    try:
        found = list(itertools.islice(unshuffled.sweep_iterator(form), most + 1))
        if len(found) <= most and unshuffled is not override:
            found = list(override.sweep_iterator(form))
    except (HydraException, ValueError, ArithmeticError) as error:
        raise ValueError(f"{override.input_line}: {_reason(override, error)}") from error
    return found[:most]


def _unshuffled(override: Override) -> Override:
    value = override.value()
    if not isinstance(value, RangeSweep | ChoiceSweep) or not value.shuffle:
        return override
    same = copy.copy(override)
    same._value = replace(value, shuffle=False)
    return same


def _reason(override: Override, error: Exception) -> str:
    value = override.value()
    if isinstance(value, RangeSweep):
        return "this range has no values; its step cannot be 0, nor its ends infinite"
    if "ConfigLoader" in str(error):
        return "glob() stands for options of a group"
    return " ".join(str(error).split())
