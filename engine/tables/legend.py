"""Short names of runs that stand together in one picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from engine.facts.text import plain
from engine.library.summary import RunSummary
from engine.tables.cells import show
from engine.tables.groups import SEED, telling_keys
from engine.tables.keys import Vocabulary

MOST_KEYS = 4
"""Keys in one name."""

_LONGEST_VALUE = 40
_NONE = "-"


class Legend(NamedTuple):
    """Names of runs."""

    names: list[str]
    """`lr=0.01, seed=1`, or the run's own name where no setting tells it apart."""
    briefs: list[str]
    """The same without the keys: `0.01 1`."""
    by: str
    """The keys: `lr seed`; empty where there is none."""


def legend_names(runs: Sequence[RunSummary], without: Sequence[str] = ()) -> list[str]:
    """A name for each run: the settings that tell it apart, and its own name where none does.

    Parameters
    ----------
    runs
        The runs of the picture.
    without
        Short names of keys that are not to be named, such as `seed`.
    """
    return legend(runs, without).names


def legend(runs: Sequence[RunSummary], without: Sequence[str] = ()) -> Legend:
    """As `legend_names`, and shorter ones beside them."""
    vocabulary = Vocabulary(runs)
    keys, left_out = telling_keys(runs, MOST_KEYS + len(without))
    shorts = ["seed" if key == SEED else vocabulary.short(key) for key in keys]
    shorts = [name for name in shorts if name not in without][:MOST_KEYS]
    found = [vocabulary.find(short) for short in shorts]
    values = [[(key.kind, key.read(run)) for key in found] for run in runs]
    names = [
        ", ".join(
            f"{plain(short)}={_cut(show(kind, value))}"
            for short, (kind, value) in zip(shorts, row, strict=True)
            if value is not None
        )
        for row in values
    ]
    briefs = [" ".join(_cut(show(kind, value)) or _NONE for kind, value in row) for row in values]
    count = Counter(names)
    unclear = bool(left_out) or not without
    clear = [bool(name) and (count[name] == 1 or not unclear) for name in names]
    return Legend(_with_own(names, clear, runs), _with_own(briefs, clear, runs), " ".join(shorts))


def _with_own(names: Sequence[str], clear: Sequence[bool], runs: Sequence[RunSummary]) -> list[str]:
    """The names, and the run's own where that is needed."""
    return [
        name if is_clear else _with_own_name(name, run)
        for name, is_clear, run in zip(names, clear, runs, strict=True)
    ]


def _with_own_name(name: str, run: RunSummary) -> str:
    return f"{plain(run.name)} ({name})" if name else plain(run.name)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
