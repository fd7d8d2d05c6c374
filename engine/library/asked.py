"""What was set for a run that has not begun: its launch record tells it, and its events not yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from engine.library.flat import flatten

_OVERRIDE = re.compile(r"(\+{0,2})([\w./]+)(?:@[\w.]+)?=(.*)", re.ASCII | re.DOTALL)
_LEFT_OUT = ("hydra.", "hydra/")
_WORDS = {"true": True, "false": False, "null": None, "": None}


def asked_of(overrides: Iterable[object], resources: object = None) -> dict[str, Any]:
    """The settings of a launch record, flat, by the keys that they have in a config.

    What is chosen of a group stands under the path of the group: `phase1.latent_space` to `vq`.
    Nothing is composed: what nobody has set is not there.

    Parameters
    ----------
    overrides
        As typed; what sets no value is passed over.
    resources
        What the job asks a cluster for.
    """
    asked: dict[str, Any] = {}
    for word in overrides:
        match = _OVERRIDE.fullmatch(word) if isinstance(word, str) else None
        if match and not match[2].startswith(_LEFT_OUT):
            asked[match[2].replace("/", ".")] = _value(match[3])
    if isinstance(resources, Mapping):
        known = {key: value for key, value in resources.items() if isinstance(key, str)}
        asked |= flatten({"launcher": {key: one for key, one in known.items() if one is not None}})
    return asked


def _value(text: str) -> Any:
    """The value that a text stands for; a text itself where it is neither number nor word."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for number in (int, float):
        try:
            return number(text) if text.isascii() and "_" not in text else text
        except ValueError:
            continue
    return text
